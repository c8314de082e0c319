//go:build linux

package reactor

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

func TestPeersDoNotNoticeShortCalls(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			for n := 1; n <= rigBuffer; n++ {
				onEachShort(t, sc, n)
			}
		})
	}
}

// onEachShort runs sc with calls that move at most n bytes.
func onEachShort(t *testing.T, sc scenario, n int) {
	for _, e := range pollers {
		r, err := newRig(e.make, sc, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.k.SetScript(bytes.Repeat([]byte{sim.Short(n)}, 20000))
		r.run(sc)
		if bad := r.failures(); bad != "" {
			t.Errorf("%s, at most %d bytes per call:\n%s", e.name, n, bad)
		}
		if got := r.ends()[:len(sc.want)]; !slices.Equal(got, sc.want) {
			t.Errorf("%s, at most %d bytes per call: the peers saw %v; want %v", e.name, n, got, sc.want)
		}
	}
}

func TestAnErrorEndsOneStreamForOneCause(t *testing.T) {
	tests := []struct {
		name string
		fail func(r *rig, p *sim.Peer)
		want engine.Cause
	}{
		{"reset by the peer", func(r *rig, p *sim.Peer) { p.Reset() }, engine.PeerReset},
		{"reset by the peer while owed", func(r *rig, p *sim.Peer) { p.Stall(); r.send(p, 500); r.runUntilIdle(); p.Reset() }, engine.PeerReset},
		{"closed by the peer with more to come", func(r *rig, p *sim.Peer) { r.send(p, 500); p.Close() }, engine.PeerReset},
		{"recv ECONNRESET", failing(sim.Recv, unix.ECONNRESET), engine.PeerReset},
		{"recv ETIMEDOUT", failing(sim.Recv, unix.ETIMEDOUT), engine.PeerLost},
		{"recv EHOSTUNREACH", failing(sim.Recv, unix.EHOSTUNREACH), engine.PeerLost},
		{"recv ENOMEM", failing(sim.Recv, unix.ENOMEM), engine.Broken},
		{"send EPIPE", failing(sim.Send, unix.EPIPE), engine.PeerReset},
		{"send ETIMEDOUT", failing(sim.Send, unix.ETIMEDOUT), engine.PeerLost},
		{"send EHOSTUNREACH", failing(sim.Send, unix.EHOSTUNREACH), engine.PeerLost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				p, other := r.dial(), r.dial()
				r.runUntilIdle()
				tt.fail(r, p)
				r.runUntilIdle()
				var want [len(engine.Stats{}.Closes)]uint64
				want[tt.want] = 1
				if got := r.srv.Stats().Closes; got != want {
					t.Errorf("causes of close: got %v; want one, %v", got, tt.want)
				}
				if p.End() != sim.Reset {
					t.Errorf("the peer saw %v; want reset", p.End())
				}
				r.send(other, 5)
				r.runUntilIdle()
				if len(other.Received()) != 5 {
					t.Error("the other peer is no longer served")
				}
			})
		})
	}
}

// failing sends some bytes and makes the call that echoes them fail.
func failing(call sim.Call, errno sys.Errno) func(*rig, *sim.Peer) {
	return func(r *rig, p *sim.Peer) {
		r.send(p, 5)
		r.failOnce(call, errno)
	}
}

func TestAResetBetweenRecvAndSendDiscardsTheOwedBytes(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		p := r.dial()
		r.runUntilIdle()
		r.send(p, 5)
		r.k.Fault = func(call sim.Call) sys.Errno {
			switch call {
			case sim.Send:
				p.Reset() // between recv and send
			case sim.Close:
				if st := r.srv.Stats(); st.BytesIn != 5 || st.Discarded != 5 {
					t.Errorf("when the connection is closed: in %d, discarded %d; want 5, 5", st.BytesIn, st.Discarded)
				}
			}
			return 0
		}
		r.runUntilIdle()
		st := r.srv.Stats()
		if st.BytesIn != 5 || st.BytesOut != 0 || st.Discarded != 5 {
			t.Errorf("in %d, out %d, discarded %d; want 5, 0, 5", st.BytesIn, st.BytesOut, st.Discarded)
		}
		if sum(st.Closes[:]) != 1 || st.Closes[engine.PeerReset] != 1 {
			t.Errorf("causes of close: got %v; want one, %v", st.Closes, engine.PeerReset)
		}
	})
}

func TestAShortageOnSendNeverSkipsBytes(t *testing.T) {
	for _, errno := range []sys.Errno{unix.ENOBUFS, unix.ENOMEM} {
		for nth := 1; nth <= 6; nth++ { // the first send, and those after a stall
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				p := r.dial()
				p.Stall()
				sends, failed := 0, false
				r.k.Fault = func(call sim.Call) sys.Errno {
					if call == sim.Send {
						sends++
					}
					if call != sim.Send || sends != nth {
						return 0
					}
					failed = true
					return errno
				}
				r.send(p, 8*rigBuffer)
				r.runUntilIdle()
				p.Resume()
				p.CloseWrite()
				r.runUntilIdle()
				if !failed {
					t.Fatalf("there is no send %d", nth)
				}
				// It is retried and complete, or reset. checkSafety checks the bytes.
				if p.End() != sim.Clean && p.End() != sim.Reset {
					t.Errorf("after %v on send %d the peer sees %v", errno, nth, p.End())
				}
			})
		}
	}
}

func TestAConnectionThatCannotBeWatchedIsRefused(t *testing.T) {
	for _, errno := range []sys.Errno{unix.ENOSPC, unix.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			r, err := newRig(Epoll, scenario{}, nil, nil) // with select and poll the kernel has no list
			if err != nil {
				t.Fatal(err)
			}
			before, refused, after := r.dial(), r.dial(), r.dial()
			adds := 0
			r.k.Fault = func(call sim.Call) sys.Errno {
				if call != sim.EpollAdd {
					return 0
				}
				if adds++; adds != 2 {
					return 0
				}
				return errno
			}
			for _, p := range r.peers {
				r.send(p, 5)
			}
			r.runUntilIdle()
			if len(before.Received()) != 5 || refused.End() != sim.Reset || len(after.Received()) != 5 {
				t.Errorf("got %d bytes, %v, %d bytes; want 5, reset, 5", len(before.Received()), refused.End(), len(after.Received()))
			}
			if got := r.srv.Stats().Refused[engine.RefusedPoller]; got != 1 {
				t.Errorf("counted as refused by the poller: got %d; want 1", got)
			}
			r.checkLiveness()
			r.shutDown()
			if bad := r.failures(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

func TestADescriptorBeyondFdSetIsRefused(t *testing.T) {
	const peers = 1100
	r, err := newRig(Select, scenario{limit: engine.Limits{MaxConns: peers}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	free := unix.FD_SETSIZE - 1 - slices.Max(r.k.Open()) // descriptors that select can still watch
	for range peers {
		p := r.dial()
		r.send(p, 5)
	}
	r.runUntilIdle()
	served := 0
	for _, p := range r.peers {
		if len(p.Received()) == 5 {
			served++
		}
	}
	refused := int(r.srv.Stats().Refused[engine.RefusedFD])
	if served != free || refused != peers-free {
		t.Errorf("served %d, refused %d; want %d, %d", served, refused, free, peers-free)
	}
	r.checkLiveness()
	r.shutDown()
	if bad := r.failures(); bad != "" {
		t.Error(bad)
	}
}

// staleEvents is a Poller whose next Wait returns events of its own.
type staleEvents struct {
	poll.Poller
	events []poll.Event
}

func (p *staleEvents) Wait(timeout int) (events []poll.Event, errno sys.Errno) {
	if events, p.events = p.events, nil; events != nil {
		return events, 0
	}
	return p.Poller.Wait(timeout)
}

func TestAStaleEventIsIgnored(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		l := r.srv.loops[0]
		first := r.dial()
		r.runUntilIdle()
		fd := l.lists[idleList].head
		stale := poll.Event{FD: fd, Tag: l.table.at(fd).gen, Ready: poll.Readable}
		first.Reset()
		second := r.dial() // accepted in the iteration in which the first one ends
		r.runUntilIdle()
		if got := l.lists[idleList].head; got == fd {
			t.Fatalf("descriptor %d was reused within the iteration that ended its connection", fd)
		}
		third := r.dial()
		r.runUntilIdle()
		if l.table.at(fd).gen == stale.Tag || !l.table.at(fd).open() {
			t.Fatalf("descriptor %d is not the third peer's", fd)
		}
		r.send(third, 5)
		calls := len(r.k.Trace())
		l.poller = &staleEvents{l.poller, []poll.Event{stale}}
		if err := l.iterate(0); err != nil {
			t.Fatal(err)
		}
		if got := r.k.Trace()[calls:]; len(got) != 0 {
			t.Errorf("a stale event caused %v; want no calls", got)
		}
		r.runUntilIdle()
		if len(third.Received()) != 5 || second.End() != sim.StillOpen {
			t.Errorf("third got %d bytes, second saw %v; want 5, going", len(third.Received()), second.End())
		}
	})
}

func TestAnEndWithUnreadInputIsAReset(t *testing.T) {
	tests := []struct {
		name string
		end  func(r *rig)
		want engine.Cause
	}{
		{"stall timeout", func(r *rig) { r.wait(6 * time.Minute) }, engine.Stalled},
		{"end of the drain", func(r *rig) { r.srv.abort(); r.iterate() }, engine.Drained},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, scenario{}, func(t *testing.T, r *rig) {
				p := r.dial()
				p.Stall()
				r.send(p, 8*rigBuffer) // more than the server reads: the rest stays in the kernel
				r.runUntilIdle()
				r.send(p, 1) // arrives just before the end
				p.CloseWrite()
				tt.end(r)
				if p.End() != sim.Reset {
					t.Errorf("the peer saw %v; want reset", p.End())
				}
				if got := r.srv.Stats().Closes; got[tt.want] != 1 || sum(got[:]) != 1 {
					t.Errorf("causes of close: got %v; want one, %v", got, tt.want)
				}
			})
		})
	}
}

// The send buffer always has some room, but never as much as the kernel requires to report
// the socket writable.
func TestASlowReaderWhoseSocketIsNeverWritableIsNotStalled(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		slow, stalled := r.dial(), r.dial()
		for _, p := range []*sim.Peer{slow, stalled} {
			p.Stall()
			r.send(p, r.k.SendBuffer+rigBuffer)
		}
		r.runUntilIdle()
		for range 20 {
			slow.Read(1)
			r.wait(4 * time.Minute)
		}
		if slow.End() != sim.StillOpen || stalled.End() != sim.Reset {
			t.Errorf("the slow reader saw %v, the stalled reader %v; want going, reset", slow.End(), stalled.End())
		}
		slow.Stall()
		r.wait(6 * time.Minute)
		if got := r.srv.Stats().Closes[engine.Stalled]; slow.End() != sim.Reset || got != 2 {
			t.Errorf("when the slow reader stopped, it saw %v, and %d were stalled; want reset, 2", slow.End(), got)
		}
	})
}

func TestABusyPeerGetsOneRecvInAnIteration(t *testing.T) {
	onEach(t, scenario{}, func(t *testing.T, r *rig) {
		busy, light := r.dial(), r.dial()
		r.runUntilIdle()
		r.send(busy, 20*rigBuffer) // more than one recv returns
		r.send(light, 5)
		calls := len(r.k.Trace())
		r.iterate()
		receives := 0
		for _, c := range r.k.Trace()[calls:] {
			if c == sim.Recv {
				receives++
			}
		}
		if receives != 2 || len(light.Received()) != 5 {
			t.Errorf("in one iteration: got %d receives and %d bytes for the light peer, want 2 and 5", receives, len(light.Received()))
		}
	})
}

// The memory is for one buffer. A loop reserves it while it serves its streams.
func TestALoopLeavesMemoryToOthers(t *testing.T) {
	onEach(t, scenario{limit: engine.Limits{MaxMemory: rigBuffer}}, func(t *testing.T, r *rig) {
		pool := r.budget.Pool()
		other := pool.NewCache(rigBuffer)
		defer other.Close()
		available := func() bool {
			b := other.Get(rigBuffer)
			if b != nil {
				b.Release()
			}
			return b != nil
		}
		duringSend := false
		r.k.Fault = func(call sim.Call) sys.Errno {
			if call == sim.Send {
				duringSend = available()
			}
			return 0
		}
		p := r.dial()
		r.send(p, 5)
		r.runUntilIdle()
		if duringSend {
			t.Error("the loop has received bytes without memory for them")
		}
		if !available() {
			t.Error("a loop that sleeps has memory reserved")
		}
		waiter := pool.Wait()
		r.send(p, 5)
		r.runUntilIdle()
		if !duringSend {
			t.Error("the loop has reserved memory that another one waits for")
		}
		waiter.Leave()
		r.send(p, 5)
		r.runUntilIdle()
		if duringSend {
			t.Error("after the waiter has left, the loop has received bytes without memory for them")
		}
		r.k.EndFaults()
	})
}
