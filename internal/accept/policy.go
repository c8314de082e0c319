package accept

import (
	"syscall"
	"time"
)

// Policy decides what to do with one listening socket. Its owner asks Next, makes
// the call that Next names, and reports the result with Result or Full. It is not
// safe for concurrent use. The zero Policy is ready.
//
// Times are nanoseconds of any monotonic clock.
type Policy struct {
	pause    time.Duration // the last pause; 0 since a caller was accepted
	until    int64         // the end of the pause; 0 without one
	full     bool          // paused until a place is free
	failed   int           // connections lost in a row
	empty    int           // times in a row that there was nobody
	loggedAt int64         // when a pause was last logged
	logged   bool
	unlogged int // pauses since then

	draining bool
	grace    int64 // until then a caller may have been on its way when the drain began
	swept    int   // callers taken out of the queue since the drain began
	queued   int   // callers that were in the queue when the drain began
}

// Step is what the owner of a listener does next.
type Step uint8

const (
	// Accept: call accept(2).
	Accept Step = iota
	// Wait: the queue is empty; wait until the socket is readable.
	Wait
	// Pause: do not look at the socket before Until, or, at the limit on
	// connections, before a place is free.
	Pause
	// Close: the drain has taken in the queue; close the socket.
	Close
)

var stepNames = [...]string{Accept: "accept", Wait: "wait", Pause: "pause", Close: "close"}

func (s Step) String() string { return stepNames[s] }

// Event is what the owner counts and logs.
type Event struct {
	// Counted reports whether there is something to count under Reason.
	Counted bool
	Reason  Reason
	// Log reports whether to log that the listener pauses. At most one pause in
	// LogInterval is logged; Unlogged is how many were not since the last one.
	Log      bool
	Unlogged int
}

const (
	// ShortestPause is the first pause of a listener that met a shortage. Each
	// one that follows is twice as long as the one before.
	ShortestPause = 100 * time.Millisecond
	// LongestPause is the longest pause.
	LongestPause = time.Second
	// MaxLost is how many connections in a row may be lost before the listener
	// pauses. An error that costs one connection may still be the answer to every
	// call, e.g. EPERM where a security policy forbids accept(2).
	MaxLost = 64
	// MaxEmpty is how many times in a row a listener may be reported readable and have
	// nobody in its queue before it pauses. Another process may have accepted first;
	// but a unix listener that another process has shut down is readable for ever.
	MaxEmpty = 16
	// LogInterval is the shortest time between two logged pauses of a listener.
	LogInterval = time.Minute
	// MaxQueue is how many callers a drain takes in at most, from a queue whose
	// length is not known.
	MaxQueue = 4096
	// Grace is how long after the beginning of a drain a caller counts as queued
	// that was not in the queue then: for it connect(2) may have returned before.
	Grace = 20 * time.Millisecond
)

// Next returns what to do now: Accept, Pause or Close.
func (p *Policy) Next(now int64) Step {
	switch {
	case p.drained(now):
		return Close
	case p.full || p.until > now:
		return Pause
	}
	p.until = 0
	return Accept
}

// drained reports whether the drain has taken in all it may.
func (p *Policy) drained(now int64) bool {
	if !p.draining {
		return false
	}
	return p.swept >= MaxQueue || p.swept >= p.queued && (p.full || now > p.grace)
}

// Result reports the result of accept(2): 0 if a caller was accepted.
func (p *Policy) Result(now int64, number syscall.Errno) (Step, Event) {
	switch number {
	case 0:
		p.pause, p.failed, p.empty = 0, 0, 0
		if p.draining {
			p.swept++
		}
		return p.Next(now), Event{}
	case syscall.EAGAIN:
		p.failed = 0
		p.empty++
		switch {
		case p.draining:
			return Close, Event{}
		case p.empty < MaxEmpty:
			return Wait, Event{}
		}
		p.beginPause(now)
		return Pause, Event{}
	}
	reason, pause := Classify(number)
	p.failed++
	if number == syscall.EINTR && p.failed < MaxLost {
		return Accept, Event{} // a signal, and nothing else
	}
	if p.draining && reason == Aborted && number != syscall.EPERM { // EPERM leaves the caller in the queue
		p.swept++
	}
	if !pause && p.failed < MaxLost {
		return Accept, Event{Counted: true, Reason: reason}
	}
	p.failed = 0
	p.beginPause(now)
	return Pause, p.event(now, reason)
}

func (p *Policy) beginPause(now int64) {
	p.pause = min(max(2*p.pause, ShortestPause), LongestPause)
	p.until = now + int64(p.pause)
}

// Full reports that there is no place for another connection. The listener pauses
// until Freed is called.
func (p *Policy) Full(now int64) (Step, Event) {
	p.full = true
	return p.Next(now), p.event(now, Full)
}

// Freed reports that a place may be free.
func (p *Policy) Freed() { p.full = false }

// Ended reports that a connection has ended. Its descriptor or memory may be just
// what was missing, so a pause for a shortage ends.
func (p *Policy) Ended() { p.until = 0 }

// Until returns when the pause ends; 0 without one, or if only a free place
// ends it.
func (p *Policy) Until() int64 { return p.until }

// Drain reports that the service ends and that queued callers are in the queue of
// the socket; a negative number means that this is not known. Those are taken in
// as there are places for them. Whoever calls later does not wait for a place, and
// is not accepted once Grace has passed.
func (p *Policy) Drain(now int64, queued int) {
	if p.draining {
		return
	}
	if queued < 0 {
		queued = MaxQueue
	}
	p.draining, p.queued, p.grace = true, queued, now+int64(Grace)
}

// Grace returns until when a caller counts as queued that was not in the queue when the
// drain began; 0 without a drain.
func (p *Policy) Grace() int64 { return p.grace }

// Draining reports whether Drain was called.
func (p *Policy) Draining() bool { return p.draining }

func (p *Policy) event(now int64, reason Reason) Event {
	e := Event{Counted: true, Reason: reason, Unlogged: p.unlogged}
	if p.logged && now-p.loggedAt < int64(LogInterval) {
		p.unlogged++
		return e
	}
	e.Log = true
	p.logged, p.loggedAt, p.unlogged = true, now, 0
	return e
}
