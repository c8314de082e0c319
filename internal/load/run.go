package load

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"echod/internal/dial"
)

// Progress is what a run has come to, for a line that a person watches.
type Progress struct {
	At       time.Duration // since the measurement began
	Of       time.Duration // how long it will take; 0 if the number of messages decides
	Warmup   bool          // nothing is measured yet
	Interval Interval      // the second that has just passed; empty during the warm-up
}

// Run carries p out. Once a second, from one goroutine, observe is told how it
// goes; it may be nil.
//
// When ctx ends, the result is of what was measured until then, and says that it
// was interrupted; there is none before the measurement began. A byte that was
// not the one that was sent ends it, too: Result.Wrong. The error is a
// *usage.Error, a *dial.UnreachableError or ctx's.
func Run(ctx context.Context, p Plan, observe func(Progress)) (*Result, error) {
	return runWith(ctx, p, observe, newDriver)
}

// driver moves the messages of a plan. There are two: one on the net package,
// for every platform and network, and one on epoll, for speed.
type driver interface {
	// open makes the connections. It returns when each has been made, or has
	// failed once, or ctx ended.
	open(ctx context.Context)
	// drive sends and receives until ctx ends. Failed connections are made again.
	drive(ctx context.Context)
	// close ends the connections.
	close()
}

// course is what a driver needs to know of the run it is part of.
type course struct {
	Plan
	tally    *tally
	content  *content
	peer     peer
	run      uint32
	begun    time.Time
	schedule schedule
}

// now is the time on the run's clock, in nanoseconds.
func (c *course) now() int64 { return int64(time.Since(c.begun)) }

func runWith(ctx context.Context, p Plan, observe func(Progress), make func(*course) (driver, error)) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Progress) {}
	}
	peer, err := reach(ctx, p)
	if err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	c := &course{Plan: p, tally: newTally(p), content: newContent(p.Seed), peer: peer, run: runTag(), begun: time.Now()}
	d, err := make(c)
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.open(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.measure(ctx, d, observe)
}

// measure lets d drive through the warm-up and what is measured, and puts the
// result together.
func (c *course) measure(ctx context.Context, d driver, observe func(Progress)) (*Result, error) {
	driving, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.schedule.start(c.now(), c.Rate)
	var working sync.WaitGroup
	working.Go(func() { d.drive(driving) })
	working.Go(c.tally.archive)
	measured := c.watch(ctx, observe)
	stop()
	close(c.tally.filled)
	working.Wait()
	if !measured {
		return nil, ctx.Err()
	}
	r := c.tally.result
	r.Interrupted = ctx.Err() != nil
	r.Environment = look()
	r.Behind = c.behind(r)
	return r, c.verdict(r)
}

// watch keeps the time: the warm-up, the seconds, the end. It returns false if
// nothing was measured.
func (c *course) watch(ctx context.Context, observe func(Progress)) bool {
	observe(Progress{Warmup: true, Of: c.Duration})
	if !c.wait(ctx, c.Warmup) {
		return c.tally.stop(c.now)
	}
	meter := newMeter(c.ServerPID)
	c.tally.begin(c.now, &c.schedule)
	began := time.Now()
	for going := true; going; {
		next := time.Second
		if c.Duration > 0 {
			next = min(next, c.Duration-time.Since(began))
		}
		going = c.wait(ctx, next) && (c.Duration == 0 || time.Since(began) < c.Duration)
		now := c.now()
		if !going {
			c.tally.stop(c.now)
			meter.read(&c.tally.result.CPU)
			c.finish(ctx)
		}
		second := c.tally.roll(now, !going)
		meter.sample()
		observe(Progress{At: time.Since(began), Of: c.Duration, Interval: second})
	}
	return true
}

// wait returns true after d, and false if ctx or the run ends earlier.
func (c *course) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-c.tally.enough:
	}
	return false
}

// finish waits for what was scheduled and is not back: to leave it out would
// hide a server that stalls at the end.
func (c *course) finish(ctx context.Context) {
	if c.Rate == 0 {
		return
	}
	const (
		look  = 5 * time.Millisecond
		grace = time.Second // for the driver to see what is past its timeout
	)
	for until := time.Now().Add(c.Timeout + grace); !c.tally.settledAll(&c.schedule) && time.Now().Before(until); {
		if !c.wait(ctx, look) {
			return
		}
	}
}

// The generator has kept up if it was late by no more than tooLate for 99 of 100
// messages, and had taken as many of them when the time was over.
const (
	tooLate = 10 * time.Millisecond
	tooFew  = 0.99
)

// behind reports whether the load was another one than was asked for.
func (c *course) behind(r *Result) *Behind {
	if c.Rate == 0 || r.Seconds == 0 || r.Wrong != nil {
		return nil
	}
	b := &Behind{Target: c.Rate, Achieved: float64(c.tally.kept) / r.Seconds, SchedulingDelay: r.SchedulingDelay.Quantile(0.99)}
	scheduled := c.Rate * r.Seconds
	if b.SchedulingDelay <= tooLate && float64(c.tally.kept) >= tooFew*scheduled-1 {
		return nil
	}
	return b
}

// verdict is an error if nothing worked at all.
func (c *course) verdict(r *Result) error {
	if r.Messages > 0 || r.Wrong != nil || r.Interrupted {
		return nil
	}
	var most dial.Class
	for class, n := range r.Errors {
		if n > r.Errors[most] {
			most = class
		}
	}
	if most == "" {
		most = dial.Timeout
	}
	return &dial.UnreachableError{Target: c.Target.String(), Class: most, Err: errors.New("not one message came back")}
}
