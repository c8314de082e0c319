//go:build linux

package reactor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/drain"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// onEach runs a test on each poller, on a machine of its own, and checks at the
// end what every run owes: no lie to a peer, everybody served, nothing left.
func onEach(t *testing.T, sc scenario, test func(t *testing.T, r *rig)) {
	t.Helper()
	for _, e := range pollers {
		t.Run(e.name, func(t *testing.T) {
			r, err := newRig(e.make, sc, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			test(t, r)
			r.safe()
			r.live()
			r.bury()
			if bad := r.verdict(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// turnFor turns until d has passed.
func (r *rig) turnFor(d time.Duration) {
	for end := r.k.Now() + int64(d); r.k.Now() < end && len(r.problems) == 0; {
		if r.turn() {
			r.k.Advance(time.Millisecond)
		}
	}
}

// acceptTimes notes when accept4 is called from now on. fail, if not 0, is what
// becomes of it.
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

// restsLonger checks the pauses between the tries: 100 ms, doubled each time up
// to a second.
func restsLonger(t *testing.T, times []time.Duration) {
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
		t.Errorf("pauses between the tries: got %v; want %v", got, want)
	}
}

func TestAListenerPausesWithoutDescriptors(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		r.k.NoFile = slices.Max(r.k.Open()) + 1
		times := r.acceptTimes(0)
		p := r.dial()
		r.send(p, 5)
		r.turnFor(6 * time.Second)
		restsLonger(t, *times)

		r.k.NoFile = 20000
		r.turnFor(time.Second)
		if got := len(p.Received()); got != 5 {
			t.Errorf("a second after relief, bytes received: got %d; want 5", got)
		}
		if got := r.srv.Stats().Accepts[accept.NoDescriptors]; got < 7 {
			t.Errorf("counted as %v: got %d; want one for each try", accept.NoDescriptors, got)
		}
	})
}

func TestTheEndOfAStreamEndsThePauseOfAListener(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		r.k.NoFile = slices.Max(r.k.Open()) + 2 // room for one
		first, second := r.dial(), r.dial()
		r.send(second, 5)
		r.turn()
		before := r.k.Now()
		first.CloseWrite()
		for len(second.Received()) == 0 && r.k.Now()-before < int64(accept.LongestPause) {
			r.turn()
		}
		if waited := time.Duration(r.k.Now() - before); len(second.Received()) != 5 || waited >= accept.ShortestPause {
			t.Errorf("the place that became free was taken after %v, %d of 5 bytes echoed; want at once", waited, len(second.Received()))
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
				r.turnFor(6 * time.Second)
				restsLonger(t, *times)
				if got := r.srv.Stats().Accepts[tt.want]; int(got) != len(*times) {
					t.Errorf("counted as %v: got %d; want %d", tt.want, got, len(*times))
				}
				r.k.Heal()
				r.turnFor(time.Second)
				if got := len(p.Received()); got != 5 {
					t.Errorf("a second after relief, bytes received: got %d; want 5", got)
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
				r.settle()
				if lost.End() != sim.Reset || len(next.Received()) != 5 {
					t.Errorf("got %v and %d bytes; want reset, and 5 for the next", lost.End(), len(next.Received()))
				}
				if waited := time.Duration(r.k.Now() - before); waited >= accept.ShortestPause {
					t.Errorf("the next one waited %v; want no rest", waited)
				}
				if got := r.srv.Stats().Accepts[accept.Aborted]; got != 1 {
					t.Errorf("counted as %v: got %d; want 1", accept.Aborted, got)
				}
			})
		})
	}
}

// failOnce makes the next call of its kind fail.
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
		// Without memory a stream sends what it peeked at and takes it
		// afterwards. The kernel never says EAGAIN to that.
		if sc.limit.MaxMemory == 0 {
			held = append(held, sc)
		}
	}
	manyTimes(t, held, unix.EAGAIN)
}

// manyTimes plays scenarios where two of three calls that may fail with errno
// do. Nobody is to notice.
func manyTimes(t *testing.T, scenarios []scenario, errno sys.Errno) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			onEach(t, sc, func(t *testing.T, r *rig) {
				chance, failed := rand.New(rand.NewPCG(1, 2)), 0 // not by turns, which could keep step with the loop's
				r.k.Fault = func(call sim.Call) sys.Errno {
					// Close is never repeated, and EAGAIN from accept4 is how a
					// drain knows that the queue is empty.
					last := call == sim.Close || call == sim.Accept4 && (r.srv.shutdown.Phase() != drain.Serving)
					if last || chance.IntN(3) == 0 || !slices.Contains(sim.Legal(call), errno) {
						return 0
					}
					failed++
					return errno
				}
				sc.play(simulated{r})
				r.finish()
				if failed == 0 {
					t.Error("nothing failed; want two of three calls")
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
		r.k.NoFile = slices.Max(r.k.Open()) + 2 // room for one
		times := r.acceptTimes(0)
		r.dial()
		// The one is accepted; the next look finds neither a descriptor nor
		// anybody who wants one.
		r.turnFor(10 * time.Second)
		if got := len(*times); got > 2 {
			t.Errorf("accept4 was called %d times in 10 s; want 2 at the most", got)
		}
	})
}
