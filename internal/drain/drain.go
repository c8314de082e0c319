// Package drain is the end of a service, from the first signal to the last stream: when
// it stops taking in new work, when it stops waiting, and when it is over. It makes no
// system call and reads no clock.
package drain

import (
	"sync/atomic"
	"time"
)

// Phase is how far the end of a service has come. It only ever advances.
type Phase uint32

const (
	// Serving: there is no end in sight.
	Serving Phase = iota
	// Draining: nobody new is taken in; who is queued or open goes on.
	Draining
	// Aborting: whatever is left is reset.
	Aborting
)

var phaseNames = [...]string{Serving: "serving", Draining: "draining", Aborting: "aborting"}

func (p Phase) String() string { return phaseNames[p] }

// Drain is the phase of one service. The zero Drain is Serving. Its methods may be
// called from any goroutine.
type Drain struct {
	phase    atomic.Uint32
	deadline atomic.Int64 // nanoseconds of any monotonic clock; 0 is never
}

// Signal reports that the service was told to end at now. The first time begins the
// drain, which may take up to timeout; the second time ends it at once.
func (d *Drain) Signal(now int64, timeout time.Duration) Phase {
	if d.Start() {
		d.deadline.Store(max(now+int64(timeout), 1))
	} else {
		d.Abort()
	}
	return d.At(now)
}

// Begin begins the drain, without a limit in time. It reports false if the drain had
// begun before.
func (d *Drain) Start() bool { return d.phase.CompareAndSwap(uint32(Serving), uint32(Draining)) }

// Abort ends the wait for whatever is left.
func (d *Drain) Abort() { d.phase.Store(uint32(Aborting)) }

// At returns the phase at now: a drain whose time is over is Aborting.
func (d *Drain) At(now int64) Phase {
	if end := d.deadline.Load(); end != 0 && now >= end {
		d.Abort()
	}
	return d.Phase()
}

// Left returns how much time the drain has left at now; 0 if none or if it has no
// limit.
func (d *Drain) Remaining(now int64) time.Duration {
	if end := d.deadline.Load(); end != 0 {
		return time.Duration(max(end-now, 0))
	}
	return 0
}

// Phase returns the phase as it was last decided.
func (d *Drain) Phase() Phase { return Phase(d.phase.Load()) }

// Over reports whether the service has ended that has this many listeners and streams
// left. Listeners must be counted before streams: who was taken in by a listener that
// is gone is among the streams.
func (d *Drain) Done(listeners, streams int) bool {
	return d.Phase() != Serving && listeners == 0 && streams == 0
}
