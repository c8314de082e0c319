package trial

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Finding is a promise that a trial saw broken.
type Finding struct {
	Promise string `json:"promise"`
	Text    string `json:"text"`
	// Timed says that something took too long. A machine that stands still for that
	// long has the same effect, so one trial does not prove it.
	Timed bool `json:"timed,omitempty"`
}

// The bounds of the verdicts. They are generous: the machine is shared, and what
// they tell apart, a process that waits and one that does not, differs by far
// more.
const (
	maxShare      = 0.5 // of a core, while nobody sends
	maxReady      = 0.9 // of the looks at it, while nobody sends
	leastLooks    = 10
	maxCalls      = 2000 // a second, of the call that fails, while nobody sends
	maxLog        = 100  // lines a second
	shortestSpell = time.Second
	// Of a drain without clients. The trial's --drain-timeout is 5 s.
	maxAlone = 3 * time.Second
)

// Promises in the order of their weight.
var promises = []string{"P6 lives", "S1 prefix", "S2 honest end", "P1 serves again", "S5 progress", "P2 no spin",
	"P2 recovers", "P3 descriptors", "P5 drains", "bounded log", "clean start"}

// Weight orders promises, the worst first.
func Weight(promise string) int { return slices.Index(promises, promise) }

// Judge says which promises o breaks, the worst first.
func Judge(o Observation) []Finding {
	var all []Finding
	broken := func(promise, format string, args ...any) {
		all = append(all, Finding{promise, fmt.Sprintf(format, args...), false})
	}
	late := func(promise, format string, args ...any) {
		all = append(all, Finding{promise, fmt.Sprintf(format, args...), true})
	}
	if len(o.Crashed) > 0 {
		broken("P6 lives", "it crashed: %s", o.Crashed[0])
	} else if o.Ended != "" {
		broken("P6 lives", "it ended: %s", strings.TrimSuffix(o.Ended+"; its last line: "+o.Last, "; its last line: "))
	}
	if len(o.Wrong) > 0 {
		broken("S1 prefix", "%s", strings.Join(o.Wrong, "; "))
	}
	if len(o.Early) > 0 {
		broken("S2 honest end", "%s", strings.Join(o.Early, "; "))
	}
	if len(o.Unserved) > 0 {
		late("P1 serves again", "%s", strings.Join(o.Unserved, "; "))
	}
	if len(o.Stuck) > 0 {
		late("S5 progress", "%s", strings.Join(o.Stuck, "; "))
	}
	if spins(o.Idle) {
		late("P2 no spin", "while calls fail and nobody sends: %s", o.Idle)
	}
	if spins(o.After) {
		late("P2 recovers", "after the last failure, and nobody sends: %s", o.After)
	}
	if o.DescriptorsAfter > o.DescriptorsBefore {
		late("P3 descriptors", "%d are open, %d were before", o.DescriptorsAfter, o.DescriptorsBefore)
	}
	if o.DrainHung {
		late("P5 drains", "it goes on after SIGTERM")
	} else if o.DrainExit != "" {
		broken("P5 drains", "SIGTERM: %s", o.DrainExit)
	} else if o.DrainAlone > maxAlone {
		late("P5 drains", "it goes on for %v, and no client is left", o.DrainAlone.Round(100*time.Millisecond))
	}
	if o.FileLeft && o.StartCode == 0 {
		broken("P5 drains", "the file of the unix socket is left")
	}
	if rate := float64(o.LogLines) / max(o.LogSecond, shortestSpell.Seconds()); rate > maxLog {
		broken("bounded log", "%.0f lines a second", rate)
	}
	return append(all, judgeStart(o)...)
}

// judgeStart judges a start that failed: it may, if it says so in one line.
func judgeStart(o Observation) []Finding {
	var all []Finding
	if o.StartHung {
		all = append(all, Finding{"clean start", "it neither starts nor ends", true})
	}
	if o.StartCode == 0 || len(o.Crashed) > 0 {
		return all
	}
	// That a file does not exist is, as far as echod can know, a wrong path on its
	// command line.
	if o.StartCode != 1 && o.StartCode != 3 && !(o.StartCode == 2 && o.NotFound) {
		all = append(all, Finding{"clean start", fmt.Sprintf("exit code %d, want 1 or 3", o.StartCode), false})
	}
	if n := len(o.StartLines); n != 1 {
		all = append(all, Finding{"clean start", fmt.Sprintf("%d lines say why, want 1: %s", n, strings.Join(o.StartLines, " | ")), false})
	}
	if o.FileLeft {
		all = append(all, Finding{"clean start", "the file of the unix socket is left", false})
	}
	return all
}

// onlyTimed reports whether there are findings, and all of them are about time.
func onlyTimed(all []Finding) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(f Finding) bool { return !f.Timed })
}

// spins reports whether a process works although it has nothing to do. Under
// strace it does so slowly, and most of the time is strace's: hence the calls.
func spins(w Window) bool {
	if w.Took <= 0 {
		return false
	}
	seconds := w.Took.Seconds()
	// On a busy machine a process that spins has a small part of a processor, but it
	// never waits for anything else.
	restless := w.Looks >= leastLooks && float64(w.Ready) > maxReady*float64(w.Looks)
	return w.CPU.Seconds() > maxShare*seconds || float64(w.Calls) > maxCalls*seconds || restless
}

func (w Window) String() string {
	seconds := max(w.Took.Seconds(), 0.001)
	return fmt.Sprintf("%.0f %% of a core, %.0f calls a second", 100*w.CPU.Seconds()/seconds, float64(w.Calls)/seconds)
}

// crash returns the lines of a panic, or of an error that ends Go's runtime.
func crash(lines []string) []string {
	for i, line := range lines {
		for _, start := range []string{"panic: ", "fatal error: ", "runtime: ", "SIGSEGV", "SIGABRT"} {
			if strings.HasPrefix(line, start) {
				return lines[i:min(i+30, len(lines))]
			}
		}
	}
	return nil
}

// torn reports whether strace may have let a call fail with ENOSYS instead of the
// errno that it was to inject: it makes a call fail by changing its number to one
// that does not exist, and mends the result when the call returns, unless it has
// detached by then. A call that waits is always cut by that, so there the errno
// must have been seen.
func (k *course) torn() bool {
	switch k.c.Call {
	case "epoll_pwait", "ppoll", "pselect6":
		log := strings.Join(k.p.Lines(), "\n")
		return strings.Contains(log, syscall.ENOSYS.Error()) ||
			strings.Contains(log, fmt.Sprintf("failed with %d", syscall.ENOSYS))
	}
	return k.cut && !spins(k.o.Idle) // which was seen before, and makes this likely
}

// ByRuntime reports whether Go's runtime ended the process because one of its own
// calls failed: nothing that echod does could have kept it from that.
func (o Observation) ByRuntime() bool {
	text := strings.Join(o.Crashed, "\n")
	for _, own := range []string{"netpollinit failed", "runtime: epollcreate failed", "runtime: eventfd failed",
		"runtime: epollctl failed", "netpollBreak write failed"} {
		if strings.Contains(text, own) {
			return true
		}
	}
	return false
}
