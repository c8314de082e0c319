package cli

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"

	"echod/internal/dial"
	"echod/internal/load"
	"echod/internal/usage"
)

// planFor is the load that the flags say, to be put on the one URL in args.
// Flags that contradict each other are the caller's mistake.
func (f *benchFlags) planFor(args []string) (load.Plan, error) {
	if len(args) != 1 {
		return load.Plan{}, usage.New(fmt.Sprintf("bench takes one URL, got %d", len(args)), "as in: echod bench tcp://localhost:8080")
	}
	target, err := dial.Parse(args[0])
	if err != nil {
		return load.Plan{}, err
	}
	if target.TLS, err = f.tls.config(target.Network); err != nil {
		return load.Plan{}, err
	}
	if target.Network != "udp" && f.bounds("loss") {
		return load.Plan{}, usage.New("a threshold of loss is for udp:// targets", "as in: 'errors<1' for streams")
	}
	if pid := f.plan.ServerPID; pid > 0 && !canBeMeasured(pid) {
		return load.Plan{}, usage.New(fmt.Sprintf("--server-pid: no process %d to be seen in /proc", pid), "as in: --server-pid $(pidof echod), on Linux")
	}
	plan := f.plan
	plan.URL, plan.Target = target.String(), target
	if plan.Messages == 0 {
		plan.Duration = cmp.Or(plan.Duration, defaultBenchDuration)
	}
	for plan.Seed == 0 {
		plan.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	return plan, plan.Check()
}

// bounds reports whether a threshold is set for that measure.
func (f *benchFlags) bounds(measure string) bool {
	for _, t := range f.thresholds {
		if t.of.name == measure {
			return true
		}
	}
	return false
}

// canBeMeasured reports whether the kernel says how a process fares: proc(5).
func canBeMeasured(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil
}
