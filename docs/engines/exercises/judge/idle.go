//go:build linux

package judge

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Finding is what a judge found, in the form in which echod check reports a failed rule.
type Finding struct{ Rule, Seen, Means, Cause, Remedy string }

func (f Finding) String() string {
	return fmt.Sprintf("%s\n  seen    %s\n  means   %s\n  cause   %s\n  remedy  %s",
		f.Rule, f.Seen, f.Means, f.Cause, f.Remedy)
}

// work is the CPU time that the judge spends while it looks at a server that has nothing
// to do. The server may use a tenth of it.
const work = 200 * time.Millisecond

// Sleeps fails, as a subtest, if the server uses CPU time while it has nothing to do. It
// compares the server with a thread of its own that never sleeps: on a busy machine both
// get less. A server that is still at work when Sleeps begins has two more tries. f says
// what a failure means; Sleeps adds what it has seen.
func (s *Server) Sleeps(t *testing.T, f Finding) bool {
	t.Helper()
	return t.Run(f.Rule, func(t *testing.T) {
		for range 3 {
			before := s.cpuTime(t)
			spin(work)
			used := s.cpuTime(t) - before
			if used <= work/10 {
				return
			}
			f.Seen = fmt.Sprintf("the server used %v of CPU time while it had nothing to do; a thread that never sleeps used %v meanwhile",
				used.Round(time.Millisecond), work)
		}
		t.Error(f)
	})
}

// spin uses this much CPU time.
func spin(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() time.Duration {
		elapsed, _ := clock(unix.CLOCK_THREAD_CPUTIME_ID)
		return elapsed
	}
	for start := now(); now()-start < d; {
	}
}

// cpuTime returns the CPU time that all threads of the server have used. The number of
// the clock is that of clock_getcpuclockid(3).
func (s *Server) cpuTime(t *testing.T) time.Duration {
	t.Helper()
	const scheduler = 2 // CPUCLOCK_SCHED in include/linux/posix-timers.h
	used, err := clock(int32(^s.cmd.Process.Pid<<3 | scheduler))
	if err != nil {
		t.Fatalf("the CPU time of the server: %v", err)
	}
	return used
}

func clock(id int32) (time.Duration, error) {
	var at unix.Timespec
	err := unix.ClockGettime(id, &at)
	return time.Duration(at.Nano()), os.NewSyscallError("clock_gettime", err)
}
