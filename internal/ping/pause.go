package ping

import "time"

// LongPause is how late the loop must wake up so that the probes in flight are not counted:
// it is not known when their answers arrived. Shorter pauses are worth a count, but no line.
const LongPause = 200 * time.Millisecond

// afterWait handles the event after which the loop woke up. It should have woken up at wake
// at the latest, or at once if that is over.
func (r *run) afterWait(wake time.Time, next event, more bool) {
	entered := r.alive
	if wake.Before(entered) {
		wake = entered
	}
	from, length := wake, time.Since(wake)
	if seen := r.suspended(); seen-r.seen >= LongPause {
		// The clock of the schedule has stood still (clock_gettime(2), CLOCK_MONOTONIC).
		from, length, r.seen = entered, seen-r.seen, seen
		r.due = r.due.Add(-length)
	}
	if length < LongPause {
		r.alive = time.Now()
		r.handle(next)
		return
	}
	r.pause(from, length, next, more)
}

// afterWork returns the time. A long time since the loop last knew that it runs is a pause,
// too. The time in OnProbe, OnConn and OnPause is not: arrivals are read meanwhile.
func (r *run) afterWork(more bool) time.Time {
	if length := time.Since(r.alive); length >= LongPause {
		r.pause(r.alive, length, event{}, more)
	}
	r.alive = time.Now()
	return r.alive
}

// pause handles a pause, in which next happened.
func (r *run) pause(from time.Time, length time.Duration, next event, more bool) {
	now := time.Now()
	after := r.beforePause(from, next)
	inFlight := r.flights.all()
	for _, f := range inFlight {
		r.flights.finish(f, paused)
	}
	if r.conn != nil {
		r.conn.heard = now
	}
	r.dialPaused = r.dialing
	if !more {
		r.due = now
	}
	r.missed(now, length, int64(len(inFlight)))
	r.alive = now
	for _, e := range after {
		r.handle(e)
	}
}

// beforePause handles the events that happened before the pause and returns the others.
func (r *run) beforePause(from time.Time, next event) (after []event) {
	events := []event{next}
	for range cap(r.arrivals) {
		e, ok := r.poll()
		if !ok {
			break
		}
		events = append(events, e)
	}
	for _, e := range events {
		if e.at().Before(from) {
			r.handle(e)
		} else {
			after = append(after, e)
		}
	}
	return after
}

// missed counts the probes that were due before now, except the last, which can be sent
// now, and those in flight whose fate is not known.
func (r *run) missed(now time.Time, length time.Duration, inFlight int64) {
	n := max(now.Sub(r.due)/r.Interval, 0)
	if r.Turn != nil {
		n = 0 // whoever gives the turns has missed the others
	}
	r.due = r.due.Add(n * r.Interval)
	if n+time.Duration(inFlight) > 0 && r.OnPause != nil {
		defer func() { r.alive = time.Now() }()
		r.OnPause(Pause{At: now, For: length, Probes: int64(n) + inFlight, InFlight: inFlight})
	}
}
