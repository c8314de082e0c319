package comparison

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Runner runs cases. Its two CPUs must differ.
type Runner struct {
	Tools        Tools
	ServerCPU    int           // of the servers
	ClientCPU    int           // of the load generators
	Nice         int           // of both; below 0 needs a privilege
	Seed         uint64        // of the order of the servers and of the resamples
	Warmup       time.Duration // of each slice, not counted
	Measure      time.Duration // of each slice
	MaxPairs     int           // the most rounds of a case
	LatencyPairs int           // the most rounds of its latency
	Precision    float64       // of a comparison that is decided: the distance of the ends of its interval from the median, as a share of it
	Limit        time.Duration // of the rounds of a case; 0: none
	Bench        string        // an echod, whose load generator measures latency; "": none is measured
	Costs        bool          // also measure the costs of a message
	Tolerance    float64       // the share of a slice that other processes may run on the two CPUs; 0: no slice is thrown away
}

// NewRunner returns a Runner for results that are kept.
func NewRunner() Runner {
	return Runner{
		ServerCPU: 0, ClientCPU: 1, MaxPairs: maxPairs, LatencyPairs: latencyPairs, Tolerance: 0.02, Precision: precision,
		Warmup: 40 * time.Millisecond, Measure: 250 * time.Millisecond,
	}
}

// Quick returns a Runner that tests that everything works. Its results mean nothing.
func (b Runner) Quick() Runner {
	b.MaxPairs, b.LatencyPairs, b.Warmup, b.Measure = 2, 2, 10*time.Millisecond, 50*time.Millisecond
	b.Tolerance = 0
	return b
}

// Expected returns about how long a case takes on a quiet machine.
func (b Runner) Expected(m Case) time.Duration {
	const start = 60 * time.Millisecond    // of a server
	const dial = 60 * time.Microsecond     // for a connection, on both ends
	const overhead = 15 * time.Millisecond // of a slice, to let come back what is in flight
	const pairs = 40                       // until a comparison is decided
	servers := time.Duration(len(m.Servers))
	conns := time.Duration(m.Workload.Conns) * dial
	begin := start + conns + 2*b.Warmup // of a server and its generator
	if m.Workload.Kind == Idle {
		return servers * time.Duration(min(idleRounds, b.MaxPairs)) * (begin + 2*memorySettleTime)
	}
	slice := b.Warmup + b.Measure + overhead
	if !m.staysUp() {
		slice += begin
	}
	rounds := time.Duration(min(pairs, b.MaxPairs)) * (servers + 1) * slice
	if b.Limit > 0 {
		rounds = min(rounds, b.Limit)
	}
	if m.Free {
		conns *= 4 // the shares of the loops are counted three times
	}
	if b.Costs && !m.Free {
		rounds += servers * (begin + (2*costSlices+1)*b.Measure)
	}
	if b.latency(m) {
		const compared = 4 // C, the same again, and two engines
		slices := time.Duration(b.LatencyPairs+2) * compared
		rounds += slices * (begin + conns + latencySlices*(b.Warmup+b.Measure))
	}
	return (servers+1)*begin + rounds
}

// cpus returns both CPUs as a list for taskset(1) and the load generators.
func (b Runner) cpus() string { return fmt.Sprintf("%d,%d", b.ServerCPU, b.ClientCPU) }

// pinnedCommand returns a command that runs on cpus, a list for taskset(1). It is killed when
// ctx is canceled or when this process ends.
//
// The kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG). So the caller
// must be locked to a thread that runs as long: main is.
func pinnedCommand(ctx context.Context, cpus string, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	return cmd
}

// launch starts cmd with a nice value.
//
// If the kernel groups processes by session (sched(7), autogroup), a nice value of a process
// counts only within its session, and the session has its own nice value. So each child has
// its own session.
func launch(cmd *exec.Cmd, nice int) error {
	if err := cmd.Start(); err != nil || nice == 0 {
		return err
	}
	pid := cmd.Process.Pid
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, pid, nice); err != nil {
		return killCommand(cmd, fmt.Errorf("nice %d: %w", nice, os.NewSyscallError("setpriority", err)))
	}
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without autogroups has no such file
		return killCommand(cmd, fmt.Errorf("nice %d: %w", nice, err))
	}
	return nil
}

// killCommand kills a command after an error, and returns the error.
func killCommand(cmd *exec.Cmd, err error) error {
	cmd.Process.Kill()
	cmd.Wait()
	return err
}
