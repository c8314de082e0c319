package trial

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Promise is what a trial checks. The codes are those of docs/promises.md.
type Promise string

// The promises.
const (
	Survives     Promise = "process survives (P6)"
	Unaltered    Promise = "bytes unaltered (S1)"
	HonestEnd    Promise = "honest end (S2)"
	Serves       Promise = "still serves (P1)"
	Progress     Promise = "owed bytes move (S5)"
	NoBusyLoop   Promise = "no busy loop (P2)"
	Recovers     Promise = "no busy loop after recovery (P2)"
	NoLeak       Promise = "no descriptor leak (P3)"
	Drains       Promise = "drains (P5)"
	BoundedLog   Promise = "bounded log (P8)"
	CleanFailure Promise = "clean start failure"
)

// bySeverity lists the promises, the most serious first.
var bySeverity = []Promise{Survives, Unaltered, HonestEnd, Serves, Progress, NoBusyLoop, Recovers, NoLeak, Drains,
	BoundedLog, CleanFailure}

// Severity returns the position of p in the order of severity; 0 is the most serious.
func (p Promise) Severity() int { return slices.Index(bySeverity, p) }

// Finding is a promise that is broken in a trial.
type Finding struct {
	Promise Promise `json:"promise"`
	Text    string  `json:"text"`
	// Timed means that something took too long. A busy machine can cause that too, so
	// one trial does not prove it.
	Timed bool `json:"timed,omitempty"`
}

// The limits of the verdicts. They are generous, because the machine is shared. A process
// with a busy loop exceeds them by far.
const (
	maxCPU      = 0.5 // of a core while no client sends
	maxRunnable = 0.9 // of the samples while no client sends
	minSamples  = 10
	maxCalls    = 2000 // of the failing call, per second, while no client sends
	maxLogRate  = 100  // lines per second
	minLogTime  = time.Second
	// maxIdleDrain is the limit of a drain without clients. --drain-timeout is 5 s here.
	maxIdleDrain = 3 * time.Second
)

// Judge returns the promises that are broken in o, the most serious first.
func Judge(o Observation) []Finding {
	var all []Finding
	broken := func(promise Promise, format string, args ...any) {
		all = append(all, Finding{promise, fmt.Sprintf(format, args...), false})
	}
	late := func(promise Promise, format string, args ...any) {
		all = append(all, Finding{promise, fmt.Sprintf(format, args...), true})
	}
	if len(o.Crashed) > 0 {
		broken(Survives, "panic: %s", o.Crashed[0])
	} else if o.Ended != "" {
		broken(Survives, "the process ended: %s", strings.TrimSuffix(o.Ended+"; last line: "+o.Last, "; last line: "))
	}
	if len(o.Wrong) > 0 {
		broken(Unaltered, "%s", strings.Join(o.Wrong, "; "))
	}
	if len(o.Early) > 0 {
		broken(HonestEnd, "%s", strings.Join(o.Early, "; "))
	}
	if len(o.Unserved) > 0 {
		late(Serves, "%s", strings.Join(o.Unserved, "; "))
	}
	if len(o.Stuck) > 0 {
		late(Progress, "%s", strings.Join(o.Stuck, "; "))
	}
	if isBusy(o.Idle) {
		late(NoBusyLoop, "while calls fail and no client sends: %s", o.Idle)
	}
	if isBusy(o.After) {
		late(Recovers, "after the failures, while no client sends: %s", o.After)
	}
	if o.DescriptorsAfter > o.DescriptorsBefore {
		late(NoLeak, "%d descriptors are open, %d were open before", o.DescriptorsAfter, o.DescriptorsBefore)
	}
	if o.DrainHung {
		late(Drains, "the process has not ended after SIGTERM")
	} else if o.DrainExit != "" {
		broken(Drains, "exit after SIGTERM: %s", o.DrainExit)
	} else if o.IdleDrain > maxIdleDrain {
		late(Drains, "the drain took %v without a client", o.IdleDrain.Round(100*time.Millisecond))
	}
	if o.FileLeft && o.StartCode == 0 {
		broken(Drains, "the file of the unix socket still exists")
	}
	if rate := float64(o.LogLines) / max(o.LogSecond, minLogTime.Seconds()); rate > maxLogRate {
		broken(BoundedLog, "%.0f lines per second", rate)
	}
	return append(all, judgeStart(o)...)
}

// judgeStart judges a start that failed. It must exit with the right code and one line.
func judgeStart(o Observation) []Finding {
	var all []Finding
	if o.StartHung {
		all = append(all, Finding{CleanFailure, "the process neither listens nor ends", true})
	}
	if o.StartCode == 0 || len(o.Crashed) > 0 {
		return all
	}
	// For echod, a file that does not exist is a wrong path on the command line.
	if o.StartCode != 1 && o.StartCode != 3 && !(o.StartCode == 2 && o.NotFound) {
		all = append(all, Finding{CleanFailure, fmt.Sprintf("exit code %d, want 1 or 3", o.StartCode), false})
	}
	if n := len(o.StartLines); n != 1 {
		all = append(all, Finding{CleanFailure, fmt.Sprintf("%d lines of errors, want 1: %s", n, strings.Join(o.StartLines, " | ")), false})
	}
	if o.FileLeft {
		all = append(all, Finding{CleanFailure, "the file of the unix socket still exists", false})
	}
	return all
}

// onlyTimed reports whether all findings are about time, and there is at least one.
func onlyTimed(all []Finding) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(f Finding) bool { return !f.Timed })
}

// isBusy reports whether a process works although it has nothing to do. Under strace most
// of the CPU time is used by strace, so the calls count too.
func isBusy(w Window) bool {
	if w.Took <= 0 {
		return false
	}
	seconds := w.Took.Seconds()
	// On a busy machine, a process with a busy loop gets little CPU time, but it is always
	// runnable.
	runnable := w.Samples >= minSamples && float64(w.Runnable) > maxRunnable*float64(w.Samples)
	return w.CPU.Seconds() > maxCPU*seconds || float64(w.Calls) > maxCalls*seconds || runnable
}

func (w Window) String() string {
	seconds := max(w.Took.Seconds(), 0.001)
	return fmt.Sprintf("%.0f %% of a core, %.0f calls per second", 100*w.CPU.Seconds()/seconds, float64(w.Calls)/seconds)
}

// crashLines returns the lines of a panic, or of a fatal error of the Go runtime.
func crashLines(lines []string) []string {
	for i, line := range lines {
		for _, start := range []string{"panic: ", "fatal error: ", "runtime: ", "SIGSEGV", "SIGABRT"} {
			if strings.HasPrefix(line, start) {
				return lines[i:min(i+30, len(lines))]
			}
		}
	}
	return nil
}

// mayHaveInjectedENOSYS reports whether strace may have injected ENOSYS. strace makes a
// call fail by changing its number to one that does not exist, and sets the errno when
// the call returns. If it has detached before that, the errno is ENOSYS. This always
// happens in a call that waits, so there the log must show ENOSYS.
func (r *runner) mayHaveInjectedENOSYS() bool {
	switch r.c.Call {
	case "epoll_pwait", "ppoll", "pselect6":
		log := strings.Join(r.p.Lines(), "\n")
		return strings.Contains(log, syscall.ENOSYS.Error()) ||
			strings.Contains(log, fmt.Sprintf("failed with %d", syscall.ENOSYS))
	}
	return r.cut && !isBusy(r.o.Idle) // a busy loop makes such a detach likely
}

// ByRuntime reports whether the Go runtime ended the process because one of its own calls
// failed. echod cannot prevent that.
func (o Observation) ByRuntime() bool {
	text := strings.Join(o.Crashed, "\n")
	for _, message := range []string{"netpollinit failed", "runtime: epollcreate failed", "runtime: eventfd failed",
		"runtime: epollctl failed", "netpollBreak write failed"} {
		if strings.Contains(text, message) {
			return true
		}
	}
	return false
}
