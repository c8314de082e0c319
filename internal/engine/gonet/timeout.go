package gonet

import (
	"sync/atomic"
	"time"

	"echod/internal/engine"
)

// Timeouts. A deadline for each message would set and clear a timer for each. Instead
// a connection stores, in lastMove, when bytes last moved, on a coarse clock that costs
// one load. One goroutine, watchTimeouts, looks at all connections now and then, and
// interrupts those that seem to have waited too long: it sets a deadline in the past.
// The read or write of the connection then returns os.ErrDeadlineExceeded, and the
// connection itself checks its timeout: bytes may have moved meanwhile.

const (
	// checksPerTimeout is how often connections are checked within the shorter timeout.
	// A timeout takes effect between its time and two checks later.
	checksPerTimeout = 8
	// longestTick bounds the tick of the clock, because Peers reports waiting times.
	longestTick = time.Second
)

// clock counts ticks. The zero clock stands still and is used if there are no timeouts.
type clock struct {
	now         atomic.Int64
	tick        time.Duration
	perCheck    int64 // ticks from one check to the next
	stall, idle int64 // timeouts in ticks; 0 means none
}

// newClock returns the clock for two timeouts. 0 or less means no timeout.
func newClock(stall, idle time.Duration) *clock {
	k := &clock{}
	for _, timeout := range []time.Duration{stall, idle} {
		if timeout > 0 && (k.tick == 0 || timeout < k.tick) {
			k.tick = timeout
		}
	}
	if k.tick == 0 {
		return k
	}
	check := max(k.tick/checksPerTimeout, time.Millisecond)
	k.perCheck = int64((check + longestTick - 1) / longestTick)
	k.tick = check / time.Duration(k.perCheck)
	k.stall, k.idle = k.ticks(stall), k.ticks(idle)
	return k
}

// ticks returns a timeout in ticks, rounded up.
func (k *clock) ticks(timeout time.Duration) int64 {
	if timeout <= 0 {
		return 0
	}
	return int64((timeout + k.tick - 1) / k.tick)
}

// newTicker returns a ticker for checks, one that never ticks if there are no timeouts.
func (k *clock) newTicker() (ticks <-chan time.Time, stop func()) {
	if k.tick == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(k.tick * time.Duration(k.perCheck))
	return t.C, t.Stop
}

// overdue reports whether a timeout is over, and which. It adds a tick, because the
// first one was not a whole one.
func (k *clock) overdue(m *lastMove) (cause engine.Cause, over bool) {
	since, owing := m.get()
	waited := k.now.Load() - since
	if owing {
		return engine.Stalled, k.stall > 0 && waited > k.stall
	}
	return engine.Idle, k.idle > 0 && waited > k.idle
}

// lastMove is the tick at which bytes last moved, and whether bytes are owed since.
type lastMove struct{ bits atomic.Int64 }

func (m *lastMove) set(tick int64, owing bool) {
	bits := tick << 1
	if owing {
		bits |= 1
	}
	m.bits.Store(bits)
}

func (m *lastMove) get() (tick int64, owing bool) {
	bits := m.bits.Load()
	return bits >> 1, bits&1 == 1
}

// owe records that bytes are owed since tick, unless some were owed already.
func (m *lastMove) owe(tick int64) {
	if _, owing := m.get(); !owing {
		m.set(tick, true)
	}
}

// checkTimeout is called by a connection that was interrupted, also to begin a trace. It
// reports whether a timeout is over, and which. If none is, it clears the deadline.
func (c *conn) checkTimeout() (cause engine.Cause, over bool) {
	c.traced()
	if cause, over = c.server.clock.overdue(&c.lastMove); over {
		return cause, true
	}
	c.socket.SetDeadline(time.Time{})
	return 0, false
}

// watchTimeouts advances the clock and checks all connections, until done is closed.
func (s *server) watchTimeouts(done <-chan struct{}) {
	if s.clock.tick == 0 {
		return
	}
	ticker := time.NewTicker(s.clock.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if s.clock.now.Add(1)%s.clock.perCheck == 0 {
				s.interruptOverdue()
			}
		case <-done:
			return
		}
	}
}

// interruptOverdue interrupts the connections whose timeout seems to be over. A Write of
// many bytes, e.g. under TLS, returns only when all are sent, so connections with owed
// bytes are interrupted at every check: then Write returns how many were sent.
func (s *server) interruptOverdue() {
	past := time.Unix(1, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		since, owing := c.lastMove.get()
		_, over := s.clock.overdue(&c.lastMove)
		if over || owing && s.clock.stall > 0 && since < s.clock.now.Load() {
			c.socket.SetDeadline(past)
		}
	}
}
