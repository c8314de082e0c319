//go:build linux

package reactor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// failing makes call fail with errno until heal, and counts the failures.
func (r *rig) failing(call sim.Call, errno sys.Errno) *int {
	calls := new(int)
	r.k.Fault = func(c sim.Call) sys.Errno {
		if c != call {
			return 0
		}
		*calls++
		return errno
	}
	return calls
}

// iterationsIn runs for d of simulated time and returns the number of iterations.
func (r *rig) iterationsIn(d time.Duration) uint64 {
	before := r.iterations()
	r.runFor(d)
	return r.iterations() - before
}

func (r *rig) iterations() (n uint64) {
	for _, l := range r.srv.loops {
		n += l.iterations.Load()
	}
	return n
}

// When the memory that TCP may use is exhausted, the poller reports the socket writable and
// a send fails with EAGAIN. Other streams are served meanwhile, and the bytes move within
// a second after memory is free.
func TestASocketThatIsWritableWithoutRoomDoesNotSpin(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		p := r.dial()
		p.Stall()
		r.send(p, 3*rigBuffer)
		r.runUntilIdle()
		p.Resume() // the socket is writable from here on
		sends := r.failing(sim.Send, unix.EAGAIN)
		if iterations := r.iterationsIn(time.Minute); iterations > 200 {
			t.Errorf("got %d iterations in a minute in which nothing moved, want at most 200", iterations)
		}
		if *sends < 30 || *sends > 100 {
			t.Errorf("got %d sends in a minute, want about one a second", *sends)
		}
		r.k.EndFaults()
		r.runFor(time.Second)
		if got := len(p.Received()); got != 3*rigBuffer {
			t.Errorf("a second after the end of the fault, bytes received: got %d, want %d", got, 3*rigBuffer)
		}
	})
}

func TestASocketThatIsReadableWithoutInputDoesNotSpin(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		p := r.dial()
		r.runUntilIdle()
		r.send(p, 5)
		r.failing(sim.Recv, unix.EAGAIN)
		if iterations := r.iterationsIn(time.Minute); iterations > 200 {
			t.Errorf("got %d iterations in a minute in which nothing moved, want at most 200", iterations)
		}
		r.k.EndFaults()
		r.runFor(time.Second)
		if got := len(p.Received()); got != 5 {
			t.Errorf("a second after the end of the fault, bytes received: got %d, want 5", got)
		}
	})
}

func TestBackoffDoesNotSuspendTheStallTimeout(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		p := r.dial()
		p.Stall()
		r.send(p, 3*rigBuffer)
		r.runUntilIdle()
		r.failing(sim.Send, unix.EAGAIN)
		r.runFor(6 * time.Minute)
		if got := r.srv.Stats().Closes[engine.Stalled]; got != 1 || p.End() != sim.Reset {
			t.Errorf("after the stall timeout: %d stalled, the peer saw %v; want 1, reset", got, p.End())
		}
		r.k.EndFaults()
	})
}

// The clock jumps by an hour, as after SIGSTOP or on a machine that was suspended.
func TestInputIsReadBeforeTheIdleTimeoutCounts(t *testing.T) {
	onEach(t, scenario{idle: time.Minute, limit: engine.Limits{MaxConns: 1000}}, func(t *testing.T, r *rig) {
		for range 700 { // more than one epoll_wait reports
			r.dial()
		}
		r.runUntilIdle()
		for _, p := range r.peers {
			r.send(p, 5)
		}
		r.k.Advance(time.Hour)
		r.runUntilIdle()
		for i, p := range r.peers {
			if len(p.Received()) != 5 {
				t.Fatalf("peer %d has sent and saw %v after %d bytes; want 5 and no end", i, p.End(), len(p.Received()))
			}
		}
		silent := r.dial()
		r.runUntilIdle()
		r.wait(2 * time.Minute)
		if silent.End() != sim.Reset {
			t.Errorf("a peer that was silent for the idle timeout saw %v, want reset", silent.End())
		}
	})
}

// finishingPeer returns a peer that has sent more than its window holds, has finished, and
// reads nothing. The server has given all of it to the kernel.
func finishingPeer(t *testing.T, r *rig) *sim.Peer {
	t.Helper()
	r.k.SendBuffer = 2 * smallestWindow
	p := r.dial()
	p.Stall()
	for range 2 * smallestWindow / rigBuffer {
		r.send(p, rigBuffer)
		r.runUntilIdle()
	}
	p.CloseWrite()
	r.runUntilIdle()
	if st := r.srv.Stats(); st.Finishing != 1 || st.BytesOut != 2*smallestWindow || st.Active != 1 {
		t.Fatalf("got %d finishing, %d bytes sent, %d active; want 1, %d, 1", st.Finishing, st.BytesOut, st.Active, 2*smallestWindow)
	}
	return p
}

// The kernel gives up on a closed socket after some minutes, so the stream is not closed
// before its peer has acknowledged everything.
func TestAStreamStaysOpenUntilTheLastBytesAreDelivered(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		for _, l := range r.srv.loops {
			l.stallTimeout, l.offerEvery = 0, 0
		}
		p := finishingPeer(t, r)
		before := r.iterations()
		r.wait(24 * time.Hour)
		if p.End() != sim.StillOpen || r.srv.Stats().Active != 1 {
			t.Errorf("a day later the peer saw %v; want the stream open", p.End())
		}
		if iterations := r.iterations() - before; iterations > 24*3600 {
			t.Errorf("got %d iterations in a day, want at most one a second", iterations)
		}
		p.Resume()
		r.runFor(2 * time.Second)
		if st := r.srv.Stats(); p.End() != sim.Clean || st.Closes[engine.Finished] != 1 || st.Finishing != 0 {
			t.Errorf("when it has read, the peer saw %v, closes %v; want clean, one finished", p.End(), st.Closes)
		}
	})
}

func TestAFinishingStreamEndsForOneCause(t *testing.T) {
	tests := []struct {
		name string
		end  func(r *rig, p *sim.Peer)
		want engine.Cause
		sees sim.End
	}{
		{"its peer acknowledges nothing for the stall timeout", func(r *rig, p *sim.Peer) { r.runFor(6 * time.Minute) }, engine.Stalled, sim.Reset},
		{"its peer resets", func(r *rig, p *sim.Peer) { p.Reset(); r.runFor(2 * time.Second) }, engine.PeerReset, sim.Reset},
		{"a drain leaves the rest to the kernel", func(r *rig, p *sim.Peer) { r.srv.startDrain(); r.runUntilIdle(); p.Resume() }, engine.Finished, sim.Clean},
		{"an aborted drain leaves the rest to the kernel", func(r *rig, p *sim.Peer) { r.srv.abort(); r.runUntilIdle(); p.Resume() }, engine.Finished, sim.Clean},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				p := finishingPeer(t, r)
				tt.end(r, p)
				st := r.srv.Stats()
				if p.End() != tt.sees || st.Closes[tt.want] != 1 || sum(st.Closes[:]) != 1 || st.Finishing != 0 {
					t.Errorf("the peer saw %v, closes %v, %d finishing; want %v, one %v", p.End(), st.Closes, st.Finishing, tt.sees, tt.want)
				}
			})
		})
	}
}

// At the limit on connections, queued connections get the slots of those that end. With
// several loops, the slots are released on one loop and the listener is on another.
func TestADrainAtTheLimitServesTheQueueAndNothingElse(t *testing.T) {
	for _, loops := range []int{1, 2, 3} {
		onEach(t, scenario{loops: loops, limit: engine.Limits{MaxConns: 2}}, func(t *testing.T, r *rig) {
			served := []*sim.Peer{r.dial(), r.dial()}
			r.runUntilIdle()
			queued := []*sim.Peer{r.dial(), r.dial(), r.dial()}
			r.runUntilIdle()
			r.srv.startDrain()
			r.runUntilIdle()
			r.k.Advance(time.Second)
			late := r.dial()
			for i, p := range append(served, queued...) {
				r.send(p, 5)
				p.CloseWrite()
				r.runUntilIdle()
				if p.End() != sim.Clean || len(p.Received()) != 5 {
					t.Errorf("%d loops, peer %d: got %v after %d bytes, want clean after 5", loops, i, p.End(), len(p.Received()))
				}
			}
			if !r.done() {
				t.Errorf("%d loops: the last stream has ended, and the drain has not", loops)
			}
			if late.End() != sim.Reset {
				t.Errorf("%d loops: a peer that connected after the signal saw %v, want reset", loops, late.End())
			}
			if st := r.srv.Stats(); st.Closes[engine.Finished] != 5 || st.Closes[engine.Drained] != 1 {
				t.Errorf("%d loops: closes %v, want 5 finished and 1 drained", loops, st.Closes)
			}
		})
	}
}

func TestAbortEndsADrainAtTheLimit(t *testing.T) {
	onEach(t, scenario{loops: 2, limit: engine.Limits{MaxConns: 2}}, func(t *testing.T, r *rig) {
		for range 5 {
			r.dial()
		}
		r.runUntilIdle()
		r.srv.startDrain()
		r.runUntilIdle()
		r.srv.abort()
		r.runUntilIdle()
		for i, p := range r.peers {
			if p.End() != sim.Reset {
				t.Errorf("peer %d saw %v, want reset", i, p.End())
			}
		}
		if st := r.srv.Stats(); st.Closes[engine.Drained] != 5 || st.Accepted != 5 {
			t.Errorf("accepted %d, closes %v; want 5 that are drained", st.Accepted, st.Closes)
		}
	})
}

// The pause between two waits must not use the call that fails. The loop serves again
// within a second after memory is free.
func TestWaitsThatFailWithoutMemoryDoNotSpin(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		p := r.dial()
		r.runUntilIdle()
		r.k.Fault = func(c sim.Call) sys.Errno {
			if c == sim.Select || c == sim.Poll || c == sim.EpollWait {
				return unix.ENOMEM
			}
			return 0
		}
		l, before := r.srv.loops[0], r.k.Now()
		const waits = 2 * maxFailedWaits // another error would end the engine
		for range waits {
			if err := l.iterate(l.pollTimeout()); err != nil {
				t.Fatalf("the engine gave up: %v", err)
			}
		}
		if took := time.Duration(r.k.Now() - before); took < waits*waitPause {
			t.Errorf("%d waits failed within %v, want a pause of %v after each", waits, took, waitPause)
		}
		r.send(p, 10)
		r.k.EndFaults()
		r.runFor(time.Second)
		if got := len(p.Received()); got != 10 {
			t.Errorf("a second after the end of the fault: got %d bytes, want 10", got)
		}
	})
}

// TestAStartThatFailsLeavesNoSocketFile makes each call of a start fail, one at a time.
func TestAStartThatFailsLeavesNoSocketFile(t *testing.T) {
	for _, e := range pollers {
		path := filepath.Join(t.TempDir(), "s")
		cfg := scenario{network: "unix", path: path}.config()
		cfg.Listeners = append(cfg.Listeners, engine.Listener{Spec: loopback()})
		started := false
		for n := 1; !started; n++ {
			k, calls, failed := sim.New(nil), 0, sim.Call(0)
			k.Fault = func(c sim.Call) sys.Errno {
				if calls++; calls == n && c != sim.Close {
					failed = c
					return unix.ENOMEM
				}
				return 0
			}
			srv, err := e.make(k).New(cfg)
			if err == nil {
				started = calls < n
				srv.Shutdown(t.Context())
			}
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%s: call %d, %v, failed: the file is left", e.name, n, failed)
				os.Remove(path)
			}
			if open := k.Open(); len(open) != 0 {
				t.Errorf("%s: call %d, %v, failed: open descriptors %v", e.name, n, failed, open)
			}
		}
	}
}

// The queue is empty, so no connection can be lost.
func TestADrainOfAnEmptyQueueEndsThoughAcceptFails(t *testing.T) {
	for _, sc := range []scenario{{network: "tcp"}, {network: "unix", path: filepath.Join(t.TempDir(), "s")}} {
		for _, errno := range []sys.Errno{unix.ENOMEM, unix.EPERM, unix.ENOSYS} {
			t.Run(sc.network+"/"+unix.ErrnoName(errno), func(t *testing.T) {
				onEach(t, sc, func(t *testing.T, r *rig) {
					r.k.OnBlock = func(time.Duration) sim.Wake { return sim.Timeout }
					r.failing(sim.Accept4, errno)
					r.srv.startDrain()
					l, end := r.srv.loops[0], r.k.Now()+int64(2*time.Second)
					for r.k.Now() < end && !r.done() {
						if err := l.iterate(max(l.pollTimeout(), 1)); err != nil {
							t.Fatal(err)
						}
					}
					if !r.done() {
						t.Error("2 s after the start of the drain the listener is open")
					}
					r.k.EndFaults()
				})
			})
		}
	}
}

func TestADatagramSocketWhoseReceivesFailDoesNotSpin(t *testing.T) {
	for _, errno := range []sys.Errno{unix.EPERM, unix.EIO, unix.ENOSYS, unix.EBADF, unix.ENOMEM, unix.ECONNABORTED, unix.EAGAIN} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			receives := 0
			k.Fault = func(c sim.Call) sys.Errno {
				if c != sim.Recvmmsg {
					return 0
				}
				receives++
				return errno
			}
			deliver(t, k, s, 10)
			k.OnBlock = func(time.Duration) sim.Wake { return sim.Timeout }
			most := 200
			if errno == unix.EAGAIN {
				most = 60 * 100 * maxFailures // a sender can cause it: the pause stays at 10 ms
			}
			l := s.loops[0]
			for end := k.Now() + int64(time.Minute); k.Now() < end && receives <= most; {
				if err := l.iterate(l.pollTimeout()); err != nil {
					t.Fatal(err)
				}
			}
			if receives > most {
				t.Errorf("got %d receives in a minute, want at most %d", receives, most)
			}
			k.EndFaults()
			for end := k.Now() + int64(2*time.Second); k.Now() < end && len(k.Answers(port(s))) < 10; {
				l.iterate(0)
				k.Advance(time.Millisecond)
			}
			if got := s.Stats().DatagramsOut; got != 10 {
				t.Errorf("two seconds after the end of the faults, answered: got %d, want 10", got)
			}
			wantNoViolations(t, k)
		})
	}
}
