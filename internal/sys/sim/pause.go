//go:build linux

package sim

import "time"

// pause is one stop of the process.
type pause struct {
	at     int // the call before which it stops
	length time.Duration
	during func()
}

// Pause stops the process before the call after the next calls ones, for
// length: a SIGSTOP, a suspended machine, a busy host. The clock jumps, and
// during, which may be nil, lets peers move meanwhile. The process learns
// nothing of it but the time.
func (k *Kernel) Pause(calls int, length time.Duration, during func()) {
	k.pauses = append(k.pauses, pause{len(k.trace) + calls, length, during})
}

// stop makes the pauses that are due.
func (k *Kernel) stop() {
	for i := 0; i < len(k.pauses); i++ {
		p := k.pauses[i]
		if len(k.trace) <= p.at {
			continue
		}
		k.pauses = append(k.pauses[:i:i], k.pauses[i+1:]...)
		i--
		k.Advance(p.length)
		if p.during != nil {
			p.during()
		}
	}
}
