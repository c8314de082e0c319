//go:build linux

package reactor

import (
	"time"

	"echod/internal/engine"
)

// now is the time of this turn, read when somebody first asks.
func (l *loop) now() int64 {
	if l.clock == 0 {
		l.clock = l.k.Now()
	}
	return l.clock
}

// settle puts c where it belongs after it was served: on the roll of those that
// are owed something, or on the quiet one. moved tells whether bytes went
// anywhere, which is what grants it its time anew.
func (l *loop) settle(c *conn, owing, moved bool) {
	timeout := l.idleTimeout
	if owing {
		timeout = l.tryEvery
	}
	if owing == c.owing && (timeout <= 0 || !moved) {
		return
	}
	l.rollOf(c).remove(c)
	c.owing = owing
	c.tries = 0
	l.enroll(c, timeout)
}

// enroll puts c at the end of its roll, due after timeout; never if that is 0.
func (l *loop) enroll(c *conn, timeout int64) {
	c.deadline = 0
	if timeout > 0 {
		c.deadline = l.now() + timeout
	}
	l.rollOf(c).push(c)
}

func (l *loop) rollOf(c *conn) *roll {
	if c.owing {
		return &l.owed
	}
	return &l.quiet
}

// expire resets everybody whose time is up.
func (l *loop) expire() {
	for c := l.overdue(&l.quiet); c != nil; c = l.overdue(&l.quiet) {
		l.end(c, engine.Idle)
	}
	for c := l.overdue(&l.owed); c != nil; c = l.overdue(&l.owed) {
		l.try(c)
	}
}

// triesPerStall is how finely it is told that a peer takes nothing: what it took
// is seen an eighth of the stall timeout late at the most.
const triesPerStall = 8

// try offers c's peer what it is owed though the kernel has not called the
// socket writable. That it does only when a good part of the send buffer is
// free, which is megabytes: with a peer that reads slowly nothing would move
// for so long that it seemed to have stopped. Yet the kernel takes as much as
// the peer has acknowledged. Who took nothing in all tries is reset.
func (l *loop) try(c *conn) {
	l.owed.remove(c)
	l.enroll(c, l.tryEvery)
	c.tries++
	l.serve(c)
	if c.open() && c.tries >= triesPerStall {
		l.end(c, engine.Stalled)
	}
}

// tryEvery is the pause between two tries for a stall timeout; 0: there are
// none.
func tryEvery(stall time.Duration) int64 {
	if stall <= 0 {
		return 0
	}
	return int64(max(stall/triesPerStall, time.Millisecond))
}

// overdue is the first of r whose time is up; nil if that is nobody's.
func (l *loop) overdue(r *roll) *conn {
	c := r.first()
	if c == nil || c.deadline == 0 || c.deadline > l.now() {
		return nil
	}
	return c
}

// timeout is how many milliseconds the next wait may take before somebody's
// time is up, -1 if nobody's is running.
func (l *loop) timeout() int {
	due := int64(0)
	soonest := func(t int64) {
		if t != 0 && (due == 0 || t < due) {
			due = t
		}
	}
	if c := l.owed.first(); c != nil {
		soonest(c.deadline)
	}
	if c := l.quiet.first(); c != nil {
		soonest(c.deadline)
	}
	for _, ln := range l.listeners {
		soonest(ln.wakeAt)
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
