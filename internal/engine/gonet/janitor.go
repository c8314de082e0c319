package gonet

import (
	"sync/atomic"
	"time"

	"echod/internal/engine"
)

// A deadline for each message would be a timer set and cleared for each. So
// connections only note when bytes moved, on a coarse clock that costs a load,
// and one goroutine, the janitor, looks around now and then and interrupts
// those that have waited too long. Whoever is interrupted looks for itself
// whether that is so: the janitor may have come just as the bytes did.

const (
	// sweepsPerTimeout is how often the janitor looks around: a timeout strikes
	// between its due time and two sweeps later.
	sweepsPerTimeout = 8
	// longestTick is how coarse the clock is at the most, for those who ask how
	// long somebody has waited.
	longestTick = time.Second
)

// clock counts ticks. Its zero value stands still, which is right where there
// are no timeouts.
type clock struct {
	now         atomic.Int64
	period      time.Duration
	perSweep    int64 // ticks from one sweep to the next
	stall, idle int64 // timeouts in ticks; 0 is never
}

// newClock returns the clock for two timeouts, of which either may be off (0 or
// less).
func newClock(stall, idle time.Duration) *clock {
	k := &clock{}
	for _, timeout := range []time.Duration{stall, idle} {
		if timeout > 0 && (k.period == 0 || timeout < k.period) {
			k.period = timeout
		}
	}
	if k.period == 0 {
		return k
	}
	sweep := max(k.period/sweepsPerTimeout, time.Millisecond)
	k.perSweep = int64((sweep + longestTick - 1) / longestTick)
	k.period = sweep / time.Duration(k.perSweep)
	k.stall, k.idle = k.ticks(stall), k.ticks(idle)
	return k
}

// ticks is timeout in ticks, rounded up.
func (k *clock) ticks(timeout time.Duration) int64 {
	if timeout <= 0 {
		return 0
	}
	return int64((timeout + k.period - 1) / k.period)
}

// moment is a tick, and whether bytes were owed from then on.
type moment struct{ bits atomic.Int64 }

func (m *moment) set(tick int64, owing bool) {
	bits := tick << 1
	if owing {
		bits |= 1
	}
	m.bits.Store(bits)
}

func (m *moment) get() (tick int64, owing bool) {
	bits := m.bits.Load()
	return bits >> 1, bits&1 == 1
}

// owe notes at tick that bytes are owed from now on, if they were not before.
func (m *moment) owe(tick int64) {
	if _, owing := m.get(); !owing {
		m.set(tick, true)
	}
}

// stamp notes that n bytes moved just now, unless it is none.
func (c *conn) stamp(n int) {
	if n > 0 {
		c.moved.set(c.server.clock.now.Load(), c.stream.Owed() > 0)
	}
}

// overdue reports whether a connection has waited longer than it may, and for
// what. A tick more than the timeout, because the first one was under way.
func (k *clock) overdue(m *moment) (cause engine.Cause, over bool) {
	since, owing := m.get()
	waited := k.now.Load() - since
	if owing {
		return engine.Stalled, k.stall > 0 && waited > k.stall
	}
	return engine.Idle, k.idle > 0 && waited > k.idle
}

// review is the interrupted connection's own look at the time. If there is some
// left, it goes on as if nothing had been.
func (c *conn) review() (cause engine.Cause, over bool) {
	if cause, over = c.server.clock.overdue(&c.moved); over {
		return cause, true
	}
	c.peer.SetDeadline(time.Time{})
	return 0, false
}

// janitor ticks until done.
func (s *server) janitor(done <-chan struct{}) {
	if s.clock.period == 0 {
		return
	}
	tick := time.NewTicker(s.clock.period)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s.clock.now.Add(1)%s.clock.perSweep == 0 {
				s.sweep()
			}
		case <-done:
			return
		}
	}
}

// sweep interrupts those whose time seems up. A write of many bytes shows no
// progress until it returns, so those that owe are interrupted at every sweep,
// to look how far they came.
func (s *server) sweep() {
	past := time.Unix(1, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		since, owing := c.moved.get()
		_, over := s.clock.overdue(&c.moved)
		if over || owing && s.clock.stall > 0 && since < s.clock.now.Load() {
			c.peer.SetDeadline(past)
		}
	}
}
