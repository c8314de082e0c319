//go:build linux

package reactor

import (
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/memory"
	"echod/internal/poll"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// In one iteration 16 receives come before their sends, and no more.
func TestReceivesComeBeforeTheirSends(t *testing.T) {
	onEach(t, scenario{buffer: engine.DefaultBuffer}, func(t *testing.T, r *rig) {
		r.dialAll(20)
		for _, p := range r.peers {
			r.send(p, 5)
		}
		want := slices.Concat(
			slices.Repeat([]sim.Call{sim.Recv}, 16), slices.Repeat([]sim.Call{sim.Send}, 16),
			slices.Repeat([]sim.Call{sim.Recv}, 4), slices.Repeat([]sim.Call{sim.Send}, 4))
		if got := r.transfers(); !slices.Equal(got, want) {
			t.Errorf("20 peers with 5 bytes each: got the calls %v, want %v", got, want)
		}
	})
}

// After a long receive the sends follow at once: it may have used up the memory.
func TestNoReceiveFollowsALongOne(t *testing.T) {
	onEach(t, scenario{buffer: 64 << 10}, func(t *testing.T, r *rig) {
		r.k.RecvBuffer, r.k.SendBuffer = 8<<10, 8<<10
		r.dialAll(4)
		for i, n := range []int{shortReceive, 1, shortReceive + 1, 1} {
			r.send(r.peers[i], n)
		}
		want := []sim.Call{sim.Recv, sim.Recv, sim.Recv, sim.Send, sim.Send, sim.Send, sim.Recv, sim.Send}
		if got := r.transfers(); !slices.Equal(got, want) {
			t.Errorf("got the calls %v, want %v", got, want)
		}
	})
}

// dialAll dials n peers, which are then accepted and silent.
func (r *rig) dialAll(n int) {
	for range n {
		r.dial()
	}
	r.runUntilIdle()
}

// transfers returns the receives and sends of one iteration.
func (r *rig) transfers() []sim.Call {
	before := len(r.k.Trace())
	r.iterate()
	return slices.DeleteFunc(slices.Clone(r.k.Trace()[before:]), func(c sim.Call) bool {
		return c != sim.Recv && c != sim.Send
	})
}

// A stream that is served again after a delay is not in the list of events.
func TestADelayedReceiveIsSentInItsIteration(t *testing.T) {
	onEach(t, scenario{buffer: 64 << 10}, func(t *testing.T, r *rig) {
		r.dialAll(1)
		r.send(r.peers[0], 5)
		r.k.Fault = func(call sim.Call) sys.Errno {
			if call == sim.Recv {
				return unix.EAGAIN
			}
			return 0
		}
		r.iterate()
		r.k.EndFaults()
		r.k.Advance(shortestDelay)
		if got, want := r.transfers(), []sim.Call{sim.Recv, sim.Send}; !slices.Equal(got, want) {
			t.Errorf("after the delay: got the calls %v, want %v", got, want)
		}
	})
}

// A request may look at any stream. It finds none between its receive and its send.
func TestARequestRunsBetweenSendsAndReceives(t *testing.T) {
	onEach(t, scenario{buffer: 64 << 10}, func(t *testing.T, r *rig) {
		r.dialAll(2)
		l := r.srv.loops[0]
		l.poller = reversed{l.poller}
		for _, p := range r.peers {
			r.send(p, 5)
		}
		var calls []sim.Call
		l.inbox.request(func() {
			calls = append(calls, r.k.Trace()...)
			if got := r.owed(); got != 0 {
				t.Errorf("got %d owed bytes, want 0", got)
			}
		})
		r.iterate()
		if !slices.Contains(calls, sim.Recv) {
			t.Error("the request did not run after the receives: the test tests nothing")
		}
	})
}

// reversed returns the events in the opposite order: the inbox after the streams.
type reversed struct{ poll.Poller }

func (p reversed) Wait(timeout int) ([]poll.Event, sys.Errno) {
	events, errno := p.Poller.Wait(timeout)
	slices.Reverse(events)
	return events, errno
}

// The memory is for one buffer. It must hold what each peer of an iteration does not take.
func TestReceivedBytesHaveMemory(t *testing.T) {
	const buffer = 64 << 10
	onEach(t, scenario{buffer: buffer, limit: engine.Limits{MaxMemory: buffer}}, func(t *testing.T, r *rig) {
		r.dialAll(20)
		for _, p := range r.peers {
			p.Stall()
			r.send(p, 90)
		}
		r.k.Fault = func(call sim.Call) sys.Errno {
			if call == sim.Send {
				return unix.EAGAIN
			}
			return 0
		}
		r.iterate()
		if got := r.owed(); got < 8*90 {
			t.Errorf("got %d owed bytes, want those of 8 peers at least", got)
		}
		r.k.EndFaults()
	})
}

// A unix stream is received into the same buffer.
func TestStreamsOfBothKindsInOneIteration(t *testing.T) {
	sc := scenario{buffer: 64 << 10, path: filepath.Join(t.TempDir(), "s")}
	onEach(t, sc, func(t *testing.T, r *rig) {
		for range 3 {
			r.dial()
			r.dialUnix()
		}
		r.runUntilIdle()
		for i, p := range r.peers {
			r.send(p, 5+i)
		}
		r.iterate()
		for i, p := range r.peers {
			if got := len(p.Received()); got != 5+i {
				t.Errorf("peer %d: got %d bytes, want %d", i, got, 5+i)
			}
		}
	})
}

// Whatever the sizes, all receives before a send fit into the buffer, and the memory that
// is reserved for one buffer holds each of them.
func TestReceivesFitIntoBufferAndMemory(t *testing.T) {
	for _, size := range []int{1, 64, 4095, 4096, 4097, 8191, 8192, 12287, 12288, 100000, engine.DefaultBuffer, engine.DefaultBuffer + 1, 1 << 20} {
		l := &loop{buffer: make([]byte, size)}
		l.sizeReceives()
		short := l.groupSize - 1
		if need := short*shortReceive + l.laterReceive; need > size {
			t.Errorf("a buffer of %d: %d short receives and one of %d need %d", size, short, l.laterReceive, need)
		}
		cache := memory.NewPool(int64(size), nil).NewCache(size)
		if !cache.Reserve() {
			t.Fatalf("a buffer of %d: no memory", size)
		}
		for range short {
			if cache.Get(shortReceive) == nil {
				t.Errorf("a buffer of %d: no memory for one of %d short receives", size, short)
			}
		}
		if last := l.laterReceive; short > 0 && cache.Get(last) == nil {
			t.Errorf("a buffer of %d: no memory for a receive of %d after %d short ones", size, last, short)
		}
	}
}
