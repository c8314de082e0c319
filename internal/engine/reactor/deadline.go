//go:build linux

package reactor

import "echod/internal/engine"

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
		timeout = l.stallTimeout
	}
	if owing == c.owing && (timeout <= 0 || !moved) {
		return
	}
	l.rollOf(c).remove(c)
	c.owing = owing
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
	l.expireRoll(&l.owed, engine.Stalled)
	l.expireRoll(&l.quiet, engine.Idle)
}

func (l *loop) expireRoll(r *roll, cause engine.Cause) {
	for c := r.first(); c != nil && c.deadline != 0 && c.deadline <= l.now(); c = r.first() {
		l.end(c, cause)
	}
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
