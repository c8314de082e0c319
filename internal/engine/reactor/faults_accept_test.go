//go:build linux

package reactor

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/drain"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// onEach runs a test with each poller, on a simulated kernel of its own. Afterwards it
// checks safety and liveness, and that a shutdown leaves nothing behind.
func onEach(t *testing.T, sc scenario, test func(t *testing.T, r *rig)) {
	t.Helper()
	for _, e := range pollers {
		t.Run(e.name, func(t *testing.T) {
			r, err := newRig(e.make, sc, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			test(t, r)
			r.checkSafety()
			r.checkLiveness()
			r.shutDown()
			if bad := r.failures(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// runFor iterates until d has passed.
func (r *rig) runFor(d time.Duration) {
	for end := r.k.Now() + int64(d); r.k.Now() < end && len(r.problems) == 0; {
		if r.iterate() {
			r.k.Advance(time.Millisecond)
		}
	}
}

// acceptTimes records the times of all calls of accept4 from now on. If fail is not 0, the
// calls fail with it.
func (r *rig) acceptTimes(fail sys.Errno) *[]time.Duration {
	times := new([]time.Duration)
	r.k.Fault = func(call sim.Call) sys.Errno {
		if call != sim.Accept4 {
			return 0
		}
		*times = append(*times, time.Duration(r.k.Now()))
		return fail
	}
	return times
}

// wantDoublingPauses checks the pauses between the calls: 100 ms, doubled each time up to
// a second.
func wantDoublingPauses(t *testing.T, times []time.Duration) {
	t.Helper()
	var got []time.Duration
	for i := 1; i < len(times); i++ {
		got = append(got, (times[i] - times[i-1]).Round(10*time.Millisecond))
	}
	want := []time.Duration{100, 200, 400, 800, 1000, 1000, 1000}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("pauses between the calls: got %v; want %v", got, want)
	}
}

func TestAListenerPausesWithoutDescriptors(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		r.k.NoFile = slices.Max(r.k.Open()) + 1
		times := r.acceptTimes(0)
		p := r.dial()
		r.send(p, 5)
		r.runFor(6 * time.Second)
		wantDoublingPauses(t, *times)

		r.k.NoFile = 20000
		r.runFor(time.Second)
		if got := len(p.Received()); got != 5 {
			t.Errorf("a second after the end of the shortage, bytes received: got %d; want 5", got)
		}
		if got := r.srv.Stats().Accepts[accept.NoDescriptors]; got < 7 {
			t.Errorf("counted as %v: got %d; want one for each call", accept.NoDescriptors, got)
		}
	})
}

func TestTheEndOfAStreamEndsThePauseOfAListener(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		r.k.NoFile = slices.Max(r.k.Open()) + 2 // enough for one connection
		first, second := r.dial(), r.dial()
		r.send(second, 5)
		r.iterate()
		before := r.k.Now()
		first.CloseWrite()
		for len(second.Received()) == 0 && r.k.Now()-before < int64(accept.LongestPause) {
			r.iterate()
		}
		if waited := time.Duration(r.k.Now() - before); len(second.Received()) != 5 || waited >= accept.ShortestPause {
			t.Errorf("the descriptor that became free was used after %v, %d of 5 bytes echoed; want no pause", waited, len(second.Received()))
		}
	})
}

func TestAListenerPausesWithoutMemory(t *testing.T) {
	tests := []struct {
		errno sys.Errno
		want  accept.Reason
	}{
		{unix.ENFILE, accept.NoDescriptors},
		{unix.ENOBUFS, accept.NoMemory},
		{unix.ENOMEM, accept.NoMemory},
	}
	for _, tt := range tests {
		t.Run(tt.errno.Error(), func(t *testing.T) {
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				times := r.acceptTimes(tt.errno)
				p := r.dial()
				r.send(p, 5)
				r.runFor(6 * time.Second)
				wantDoublingPauses(t, *times)
				if got := r.srv.Stats().Accepts[tt.want]; int(got) != len(*times) {
					t.Errorf("counted as %v: got %d; want %d", tt.want, got, len(*times))
				}
				r.k.EndFaults()
				r.runFor(time.Second)
				if got := len(p.Received()); got != 5 {
					t.Errorf("a second after the end of the shortage, bytes received: got %d; want 5", got)
				}
			})
		})
	}
}

func TestAConnectionAbortedInTheQueueCausesNoPause(t *testing.T) {
	for _, errno := range []sys.Errno{
		unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.EHOSTUNREACH, unix.ENETUNREACH,
		unix.ENOPROTOOPT, unix.EHOSTDOWN,
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				lost, next := r.dial(), r.dial()
				r.send(next, 5)
				before := r.k.Now()
				r.failOnce(sim.Accept4, errno)
				r.runUntilIdle()
				if lost.End() != sim.Reset || len(next.Received()) != 5 {
					t.Errorf("got %v and %d bytes; want reset, and 5 for the next", lost.End(), len(next.Received()))
				}
				if waited := time.Duration(r.k.Now() - before); waited >= accept.ShortestPause {
					t.Errorf("the next one waited %v; want no pause", waited)
				}
				if got := r.srv.Stats().Accepts[accept.Aborted]; got != 1 {
					t.Errorf("counted as %v: got %d; want 1", accept.Aborted, got)
				}
			})
		})
	}
}

// failOnce makes the next call of this kind fail.
func (r *rig) failOnce(call sim.Call, errno sys.Errno) {
	r.k.Fault = func(c sim.Call) sys.Errno {
		if c != call {
			return 0
		}
		r.k.Fault = nil
		return errno
	}
}

func TestPeersDoNotNoticeInterruptedCalls(t *testing.T) {
	manyTimes(t, scenarios, unix.EINTR)
}

func TestReadinessIsOnlyAHint(t *testing.T) {
	var held []scenario
	for _, sc := range scenarios {
		// Without memory a stream sends what it peeked at and receives it afterwards.
		// The kernel never returns EAGAIN for that.
		if sc.limit.MaxMemory == 0 {
			held = append(held, sc)
		}
	}
	manyTimes(t, held, unix.EAGAIN)
}

// manyTimes runs scenarios in which two of three calls that may fail with errno do. The
// peers must not notice.
func manyTimes(t *testing.T, scenarios []scenario, errno sys.Errno) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			onEach(t, sc, func(t *testing.T, r *rig) {
				chance, failed := rand.New(rand.NewPCG(1, 2)), 0 // not every third call, which could coincide with a pattern of the loop
				r.k.Fault = func(call sim.Call) sys.Errno {
					// Close is never repeated, and EAGAIN from accept4 tells a drain that
					// the queue is empty.
					last := call == sim.Close || call == sim.Accept4 && (r.srv.shutdown.Phase() != drain.Serving)
					if last || chance.IntN(3) == 0 || !slices.Contains(sim.Legal(call), errno) {
						return 0
					}
					failed++
					return errno
				}
				sc.steps(simulatedEnvironment{r})
				r.finish()
				if failed == 0 {
					t.Error("no call failed; want two of three")
				}
				if got := r.ends(); !slices.Equal(got, sc.want) {
					t.Errorf("the peers saw %v; want %v", got, sc.want)
				}
			})
		})
	}
}

func TestAListenerWithoutDescriptorsAndConnectionsSleeps(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		r.k.NoFile = slices.Max(r.k.Open()) + 2 // enough for one connection
		times := r.acceptTimes(0)
		r.dial()
		// One connection is accepted. The next accept finds neither a descriptor nor a
		// connection.
		r.runFor(10 * time.Second)
		if got := len(*times); got > 2 {
			t.Errorf("accept4 was called %d times in 10 s; want 2 at the most", got)
		}
	})
}

// A connection that joins the queue after it was measured would be late.
func TestADrainRemovesTheSocketFileBeforeItMeasuresTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	onEach(t, scenario{network: "unix", path: path}, func(t *testing.T, r *rig) {
		measured := false
		r.k.Fault = func(call sim.Call) sys.Errno {
			if call == sim.Getsockopt {
				measured = true
				if _, err := os.Lstat(path); err == nil {
					t.Error("the queue is measured while the file exists")
				}
			}
			return 0
		}
		r.srv.startDrain()
		r.runUntilIdle()
		if !measured {
			t.Error("the queue was not measured")
		}
	})
}
