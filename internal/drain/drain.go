// Package drain decides how a service ends, from the first signal to the last stream:
// when it accepts no more, when it resets what is left, and when it has ended. It makes
// no system call and reads no clock.
package drain

import (
	"sync/atomic"
	"time"
)

// Phase is a phase in the life of a service. Phases only advance.
type Phase uint32

const (
	// Serving: no drain has started.
	Serving Phase = iota
	// Draining: no new connections. Those that are open or in a queue are served.
	Draining
	// Aborting: the connections that are left are reset.
	Aborting
)

var phaseNames = [...]string{Serving: "serving", Draining: "draining", Aborting: "aborting"}

func (p Phase) String() string { return phaseNames[p] }

// Drain has the phase of one service. The zero Drain is Serving. Its methods may be
// called from any goroutine.
type Drain struct {
	phase    atomic.Uint32
	deadline atomic.Int64 // nanoseconds of any monotonic clock; 0 for none
}

// Signal records at now that the service must end, and returns the phase. The first
// signal starts the drain, which may take up to timeout. The second signal aborts it.
func (d *Drain) Signal(now int64, timeout time.Duration) Phase {
	if d.Start() {
		d.deadline.Store(max(now+int64(timeout), 1))
	} else {
		d.Abort()
	}
	return d.At(now)
}

// Start starts the drain, without a deadline. It returns false if the drain was started
// before.
func (d *Drain) Start() bool { return d.phase.CompareAndSwap(uint32(Serving), uint32(Draining)) }

// Abort ends the drain: the connections that are left are reset.
func (d *Drain) Abort() { d.phase.Store(uint32(Aborting)) }

// At returns the phase at now. A drain is Aborting from its deadline on.
func (d *Drain) At(now int64) Phase {
	if end := d.deadline.Load(); end != 0 && now >= end {
		d.Abort()
	}
	return d.Phase()
}

// Remaining returns the time from now until the deadline of the drain; 0 if the deadline
// has passed or if there is none.
func (d *Drain) Remaining(now int64) time.Duration {
	if end := d.deadline.Load(); end != 0 {
		return time.Duration(max(end-now, 0))
	}
	return 0
}

// Phase returns the phase that the last call of another method left.
func (d *Drain) Phase() Phase { return Phase(d.phase.Load()) }

// Done reports whether the service has ended, given how many listeners and streams it has
// left. The caller must count listeners before streams: a connection that a listener has
// accepted just before it closed is then among the streams.
func (d *Drain) Done(listeners, streams int) bool {
	return d.Phase() != Serving && listeners == 0 && streams == 0
}
