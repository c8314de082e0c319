package ping

import (
	"context"
	"time"
)

// Prober asks one service again and again.
type Prober struct{ config Config }

// New makes one that asks nothing yet. The error is a *usage.Error.
func New(c Config) (*Prober, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Prober{c}, nil
}

// Run probes until as many as were wanted are answered or lost, or ctx ends. What
// is under way then is told as neither. It calls OnProbe and OnLink itself, and
// has left no goroutine and no connection behind when it returns. Each Run counts
// from 1 and has a key of its own.
//
// On a stream, one probe is under way at a time: while its answer is due, later
// ones wait. Datagrams leave on schedule whatever is answered. A time that was
// missed is not made up for.
func (p *Prober) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRun(p.config)
	r.loop(ctx)
	r.end()
}

// loop does one thing after another until all is done.
func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		r.drain()
		r.expire(time.Now())
		if r.done() {
			return
		}
		if now := time.Now(); r.ready(now) {
			r.send(ctx, now)
			continue
		}
		timer.Reset(time.Until(r.nextTime()))
		select {
		case a := <-r.arrivals:
			r.take(a)
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// drain takes what came already, so that no probe is given up whose answer is
// there. What comes without end is not waited for.
func (r *run) drain() {
	for range cap(r.arrivals) {
		select {
		case a := <-r.arrivals:
			r.take(a)
		default:
			return
		}
	}
}

// ready reports whether a probe is due and may leave.
func (r *run) ready(now time.Time) bool {
	return r.remain() && !now.Before(r.due) && !(r.oneByOne && r.book.pending > 0)
}

// nextTime is when something is due of its own: a probe, or the end of patience
// with one.
func (r *run) nextTime() time.Time {
	waiting := r.book.waiting()
	switch {
	case waiting == nil:
		return r.due
	case r.oneByOne || !r.remain() || waiting.sent.Add(r.Wait).Before(r.due):
		return waiting.sent.Add(r.Wait)
	}
	return r.due
}

// remain reports whether there are probes that have not been sent.
func (r *run) remain() bool { return r.Count == 0 || r.book.next < uint64(r.Count) }

func (r *run) done() bool { return !r.remain() && r.book.pending == 0 }

// schedule says when the probe after one that leaves now is due: the next time on
// the schedule that is not past.
func (r *run) schedule(now time.Time) {
	missed := now.Sub(r.due) / r.Interval
	r.due = r.due.Add((missed + 1) * r.Interval)
}
