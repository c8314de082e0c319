// Package accept decides when a listener accepts and when it pauses, how many
// connections may be open, and how the queue of a listener (its backlog) is emptied
// when the service ends. All listeners of this program use it.
//
//   - [Policy] decides for one listening socket. It makes no system call and reads no
//     clock.
//   - [Slots] limits the number of open connections, of all listeners together and of
//     each address.
//   - [Listener] is a net.Listener that does what a Policy decides. The event loop of
//     package reactor uses a Policy without it.
package accept

import (
	"syscall"
	"time"

	"echod/internal/errno"
)

// Policy decides what to do with one listening socket. Its owner asks Next, makes the
// call that Next names, and reports the result with Result or Full. The zero Policy is
// ready to use. A Policy is not safe for concurrent use.
//
// Times are nanoseconds of any monotonic clock.
type Policy struct {
	pause    time.Duration // the last pause; 0 since a connection was accepted
	until    int64         // the end of the pause; 0 if there is none
	full     bool          // paused until a slot is free
	failed   int           // consecutive calls that cost a connection or were interrupted
	empty    int           // consecutive calls that found the queue empty
	loggedAt int64         // when a pause was last logged
	logged   bool
	unlogged int // pauses since then

	draining bool
	grace    int64 // connections accepted until then count as queued when the drain started
	drained  int   // connections taken out of the queue since the drain started
	queued   int   // connections in the queue when the drain started
}

// Step is what the owner of a listener does next.
type Step uint8

const (
	// Accept: call accept(2).
	Accept Step = iota
	// Wait: the queue is empty. Wait until the socket is readable.
	Wait
	// Pause: do nothing with the socket before Until or, without a slot, before one is
	// free.
	Pause
	// Close: the drain has emptied the queue. Close the socket.
	Close
)

var stepNames = [...]string{Accept: "accept", Wait: "wait", Pause: "pause", Close: "close"}

func (s Step) String() string { return stepNames[s] }

// Event is what the owner counts and logs.
type Event struct {
	// Counted reports whether to count a connection that was not accepted, for Reason.
	Counted bool
	Reason  Reason
	// Log reports whether to log that the listener pauses. At most one pause in
	// LogInterval is logged. Unlogged is the number of pauses since the last one that
	// was.
	Log      bool
	Unlogged int
}

const (
	// ShortestPause is the first pause for a shortage. Each pause that follows is
	// twice as long as the one before.
	ShortestPause = 100 * time.Millisecond
	// LongestPause is the longest pause.
	LongestPause = time.Second
	// MaxLost is how many consecutive connections may be lost before the listener
	// pauses. An error that usually costs one connection can be the result of every
	// call, e.g. EPERM if a security policy forbids accept(2).
	MaxLost = 64
	// MaxEmpty is how many consecutive times the socket may be readable with an empty
	// queue before the listener pauses. Another process may have accepted the
	// connection. But a unix listener that another process has shut down stays
	// readable forever.
	MaxEmpty = 16
	// LogInterval is the shortest time between two logged pauses of a listener.
	LogInterval = time.Minute
	// MaxQueue is how many connections a drain accepts at most from a queue whose
	// length is not known.
	MaxQueue = 4096
	// Grace is how long after the start of a drain a new connection still counts as
	// queued: its connect(2) may have returned before the start.
	Grace = 20 * time.Millisecond
)

// Next returns what to do now: Accept, Pause or Close.
func (p *Policy) Next(now int64) Step {
	switch {
	case p.isDrained(now):
		return Close
	case p.full || p.until > now:
		return Pause
	}
	p.until = 0
	return Accept
}

// isDrained reports whether the drain has accepted all it may.
func (p *Policy) isDrained(now int64) bool {
	if !p.draining {
		return false
	}
	return p.drained >= MaxQueue || p.drained >= p.queued && (p.full || now > p.grace)
}

// Result records the result of accept(2), 0 if it returned a connection, and returns
// the next step.
func (p *Policy) Result(now int64, number syscall.Errno) (Step, Event) {
	switch number {
	case 0:
		p.pause, p.failed, p.empty = 0, 0, 0
		if p.draining {
			p.drained++
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
		p.startPause(now)
		return Pause, Event{}
	}
	reason, pause := Classify(number)
	p.failed++
	if number == syscall.EINTR && p.failed < MaxLost {
		return Accept, Event{} // interrupted by a signal: nothing to count
	}
	if p.draining && reason == Aborted && number != syscall.EPERM { // EPERM leaves the connection in the queue
		p.drained++
	}
	if !pause && p.failed < MaxLost {
		return Accept, Event{Counted: true, Reason: reason}
	}
	p.failed = 0
	p.startPause(now)
	return Pause, p.event(now, reason)
}

func (p *Policy) startPause(now int64) {
	p.pause = min(max(2*p.pause, ShortestPause), LongestPause)
	p.until = now + int64(p.pause)
}

// Full records that no slot is free, and returns the next step. The listener pauses
// until SlotFree is called.
func (p *Policy) Full(now int64) (Step, Event) {
	p.full = true
	return p.Next(now), p.event(now, Full)
}

// SlotFree records that a slot may be free. It ends the pause of Full.
func (p *Policy) SlotFree() { p.full = false }

// ConnectionEnded records that a connection has ended. This may have freed the
// descriptor or the memory that was missing, so it ends a pause for a shortage.
func (p *Policy) ConnectionEnded() { p.until = 0 }

// Until returns the time at which the pause ends. It is 0 if there is no pause, or if
// only a free slot ends it.
func (p *Policy) Until() int64 { return p.until }

// Drain records that the service ends while queued connections are in the queue of
// the socket; a negative number means that this is not known. These are accepted as
// slots become free. Connections that come later do not wait for a slot, and are not
// accepted after Grace. Only the first call has an effect.
func (p *Policy) Drain(now int64, queued int) {
	if p.draining {
		return
	}
	if queued < 0 {
		queued = MaxQueue
	}
	p.draining, p.queued, p.grace = true, queued, now+int64(Grace)
}

// Grace returns the time until which a new connection counts as queued when the drain
// started; 0 without a drain.
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

// Reason is why a connection was not accepted. Reasons are counted for each listener.
// None of them closes a listener.
type Reason uint8

const (
	// Aborted: one connection was lost while it was in the queue.
	Aborted Reason = iota
	// NoDescriptors: EMFILE or ENFILE; the listener pauses.
	NoDescriptors
	// NoMemory: ENOBUFS or ENOMEM; the listener pauses.
	NoMemory
	// Full: the limit on connections is reached; the listener pauses.
	Full
	// Other: any other error number; the listener pauses.
	Other

	// NumReasons is how many reasons there are.
	NumReasons
)

var reasonNames = [NumReasons]string{
	Aborted: "aborted", NoDescriptors: "no-descriptors", NoMemory: "no-memory", Full: "full", Other: "other",
}

func (r Reason) String() string { return reasonNames[r] }

// Classify reports what an error number of accept(2) means for the listener: the
// reason to count, and whether to pause before the next call. The number is neither
// EAGAIN nor EINTR.
//
// Linux returns pending network errors of the new connection as errors of accept
// (accept(2), "Error handling"). That one connection is lost, and the next one may be
// fine, so the listener does not pause. A shortage lasts for some time, and an unknown
// error may never end. The listener pauses for both, so that it does not spin.
func Classify(number syscall.Errno) (reason Reason, pause bool) {
	switch errno.Classify(number) {
	case errno.Reset, errno.TimedOut, errno.Protocol, errno.Unreachable, errno.Filtered:
		return Aborted, false
	case errno.NoDescriptors:
		return NoDescriptors, true
	case errno.NoMemory:
		return NoMemory, true
	default:
		return Other, true
	}
}
