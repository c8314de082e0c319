//go:build linux

package reactor

import (
	"time"

	"echod/internal/engine"
)

// now is the time of this turn, read when it is first asked for.
func (l *loop) now() int64 {
	if l.clock == 0 {
		l.clock = l.k.Now()
	}
	return l.clock
}

// The lists of a loop's connections. Every open connection is on exactly one of
// them, and all on one list are given the same time.
const (
	quiet = 0 // owed nothing: reset after the idle timeout, if there is one
	owed  = 1 // owed bytes: offered them again after tryEvery
	retry = 2 // not watched: tried again after a delay; one list for each delay

	numLists = retry + 8
)

const (
	// The delays of the retry lists double from the shortest and are cut off at
	// the longest: what is owed moves within a second of the moment it can.
	shortestDelay = 10 * time.Millisecond
	longestDelay  = time.Second
)

// triesPerStall is how often in a stall timeout a peer is offered what it is owed
// though the kernel has not called the socket writable. That it does only when a
// good part of the send buffer is free, which is megabytes: with a peer that reads
// slowly nothing would move for so long that it seemed to have stopped. Yet the
// kernel takes as much as the peer has acknowledged.
const triesPerStall = 8

// tryEvery is the time between two such offers; 0 without a stall timeout.
func tryEvery(stall time.Duration) int64 {
	if stall <= 0 {
		return 0
	}
	return int64(max(stall/triesPerStall, time.Millisecond))
}

// timeOf is the time that connections on list are given; 0 is no limit.
func (l *loop) timeOf(list uint8) int64 {
	switch list {
	case quiet:
		return l.idleTimeout
	case owed:
		return l.tryEvery
	}
	return int64(min(shortestDelay<<(list-retry), longestDelay))
}

// move puts c at the end of list, due after the time of that list.
func (l *loop) move(c *conn, list uint8) {
	l.lists[c.list].remove(c)
	l.enroll(c, list)
}

// enroll puts c, which is on no list, at the end of list.
func (l *loop) enroll(c *conn, list uint8) {
	c.list, c.deadline = list, 0
	if timeout := l.timeOf(list); timeout > 0 {
		c.deadline = l.now() + timeout
	}
	l.lists[list].push(c)
}

// settle puts c on the list where it belongs after it was served. moved reports
// whether bytes moved, which gives it its time anew.
func (l *loop) settle(c *conn, phase phase, moved bool) {
	if phase != reading && (moved || phase != c.phase) {
		c.movedAt = l.milliseconds()
	}
	c.phase = phase
	list := uint8(quiet)
	if phase != reading {
		list = owed
	}
	if list != c.list || moved && l.timeOf(list) > 0 {
		l.move(c, list)
	}
}

// milliseconds is the clock of conn.movedAt. It wraps after 49 days, so only
// differences count.
func (l *loop) milliseconds() uint32 { return uint32(l.now() / int64(time.Millisecond)) }

// waiting is how long c's peer has taken nothing of what it is owed; 0 if it is owed
// nothing.
func (l *loop) waiting(c *conn) time.Duration {
	if c.phase == reading {
		return 0
	}
	return time.Duration(l.milliseconds()-c.movedAt) * time.Millisecond
}

// stalled reports whether c's peer has taken nothing for the stall timeout.
func (l *loop) stalled(c *conn) bool {
	return c.phase != reading && l.stallTimeout > 0 && int64(l.waiting(c)) >= l.stallTimeout
}

// backOff stops watching c and tries again after a delay that doubles each time. The
// kernel called the socket ready and then moved nothing: e.g. when the memory that
// TCP may use is spent (tcp(7), tcp_mem), a send fails with EAGAIN although the
// socket counts as writable. To believe it at once again would be a busy loop.
func (l *loop) backOff(c *conn) {
	list := uint8(retry)
	if c.list >= retry {
		list = min(c.list+1, numLists-1)
	}
	l.unwatch(c)
	l.move(c, list)
}

func (l *loop) unwatch(c *conn) {
	if c.want != 0 {
		l.poller.Remove(int(c.fd))
		c.want = 0
	}
}

// expire looks after every connection whose time is up.
func (l *loop) expire() {
	for list := range uint8(numLists) {
		for c := l.overdue(list); c != nil; c = l.overdue(list) {
			l.move(c, list)
			l.due(c)
		}
	}
}

// due serves a connection whose time is up, and ends it if even then nothing moves.
// It is served first because the process may have been stopped for longer than the
// timeout: what has arrived meanwhile counts.
func (l *loop) due(c *conn) {
	list := c.list
	switch {
	case l.serve(c) || !c.open():
	case list == quiet:
		l.end(c, engine.Idle)
	case l.stalled(c):
		l.end(c, engine.Stalled)
	case list >= retry:
		l.backOff(c)
	}
}

// overdue is the first connection on list whose time is up; nil if there is none.
func (l *loop) overdue(list uint8) *conn {
	c := l.lists[list].first()
	if c == nil || c.deadline == 0 || c.deadline > l.now() {
		return nil
	}
	return c
}

// timeout is how many milliseconds the next wait may take before there is something
// to do, -1 without a limit.
func (l *loop) timeout() int {
	due := int64(0)
	soonest := func(t int64) {
		if t != 0 && (due == 0 || t < due) {
			due = t
		}
	}
	for i := range l.lists {
		if c := l.lists[i].first(); c != nil {
			soonest(c.deadline)
		}
	}
	for _, ln := range l.listeners {
		if !ln.closed {
			soonest(ln.policy.Until())
		}
	}
	for _, p := range l.packets {
		soonest(p.wakeAt)
	}
	if due == 0 {
		return -1
	}
	const millisecond = 1e6
	return int(max(due-l.now()+millisecond-1, 0) / millisecond)
}
