package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/usage"
)

// measure runs the drivers through the warm-up and the measurement, and completes the
// result.
func (t *threads) measure(ctx context.Context, observe func(Progress)) (*Result, error) {
	driving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var working, archiving sync.WaitGroup
	end := func() { stop(); working.Wait() }
	first := t.runs[0]
	t.begin(first.now())
	working.Go(func() { t.drive(driving) })
	archiving.Go(t.archive)
	observe(Progress{Warmup: true, Of: first.Duration})
	// All messages of a plan may have their outcomes as soon as the warm-up is over.
	measured := t.wait(ctx, first.Warmup) || first.now() >= first.tally.from
	if measured {
		t.watch(ctx, observe, end)
	} else {
		t.result().Started = time.Now() // nothing was measured; a wrong byte is reported with this time
		t.stop(first.now())
		end()
	}
	close(t.finished)
	archiving.Wait()
	if err := t.lost(); err != nil {
		return nil, err
	}
	result, inTime := t.total()
	if !measured && result.Wrong == nil {
		return nil, ctx.Err()
	}
	result.Environment = environment()
	result.Behind = behind(result, inTime)
	return result, verdict(result)
}

// watch keeps the time of the measurement: of each second, and of the end. At the end
// nothing more is sent, and what is under way is waited for. Without that, a server that
// stalls at the end would look fast. Then it calls end, which stops the driver.
func (t *threads) watch(ctx context.Context, observe func(Progress), end func()) {
	p, from, now := t.runs[0].Plan, t.runs[0].tally.from, t.runs[0].now
	meter := newMeter(p.ServerPID)
	t.result().Started = time.Now().Add(time.Duration(from - now())) // this goroutine may be late
	for going := true; going; {
		next := time.Second
		if p.Duration > 0 {
			next = min(next, time.Duration(from-now())+p.Duration)
		}
		going = t.wait(ctx, next) && (p.Duration == 0 || now() < from+int64(p.Duration))
		now := now()
		if !going {
			t.result().Interrupted = ctx.Err() != nil // not later: the measurement is complete then
			t.stop(now)
			meter.read(&t.result().CPU)
		}
		second := t.nextInterval(now)
		meter.sample()
		observe(Progress{At: time.Duration(now - from), Of: p.Duration, Interval: second, Total: t.soFar()})
	}
	draining := Progress{At: time.Duration(now() - from), Of: p.Duration, Draining: true, Total: t.soFar()}
	observe(draining)
	t.drain(p.Timeout)
	end()
	t.lastInterval(now())
	draining.Total = t.soFar()
	observe(draining)
}

// wait returns true after d, and false if ctx or the run ends before that.
func (t *threads) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-t.runs[0].tally.all.enough:
	}
	return false
}

// drain waits until all messages that were due have an outcome. It waits for a second more
// than the timeout, so that the driver notices the last timeouts. It does not wait if a driver
// has failed.
func (t *threads) drain(timeout time.Duration) {
	timer := time.NewTimer(timeout + time.Second)
	defer timer.Stop()
	for _, r := range t.runs {
		select {
		case <-r.tally.settled:
		case err := <-t.failed:
			t.failed <- err
			return
		case <-t.hold.Abandoned:
			return
		case <-timer.C:
			return
		}
	}
}

// The generator has kept up if the scheduling delay of 99 % of the messages was at most
// tooLate, and if it took at least tooFew of all messages from the schedule in time.
const (
	tooLate = 10 * time.Millisecond
	tooFew  = 0.99
)

// behind returns the target and what was achieved, if the generator has not kept up. It has taken
// that many messages from the schedule in time.
func behind(result *Result, taken int64) *Behind {
	if result.Plan.Rate.IsZero() || result.Seconds == 0 || result.Wrong != nil {
		return nil
	}
	inTime := float64(taken)
	b := &Behind{Target: float64(result.Due) / result.Seconds, Achieved: inTime / result.Seconds, SchedulingDelay: result.SchedulingDelay.Quantile(0.99)}
	if b.SchedulingDelay <= tooLate && inTime >= tooFew*float64(result.Due)-1 {
		return nil
	}
	return b
}

// verdict returns an error if nothing worked at all.
func verdict(result *Result) error {
	switch {
	case !result.Balanced():
		return fmt.Errorf("bench has counted wrongly, which is a bug: of %d messages %d were answered, %d failed and %d were lost",
			result.Due, result.Answered, result.Failed.Total(), result.Lost)
	case result.Answered > 0 || result.Wrong != nil || result.Interrupted:
		return nil
	case result.Due == 0 && result.Connects > 0:
		return usage.New(fmt.Sprintf("no message was sent within %g s", result.Seconds), "want a longer duration")
	case result.Due == 0:
		return &dial.UnreachableError{Target: result.Plan.Target.String(), Class: cmp.Or(result.ConnectsFailed.most(), dial.Timeout), Err: errors.New("no connection was made")}
	}
	return &dial.UnreachableError{Target: result.Plan.Target.String(), Class: cmp.Or(result.Failed.most(), dial.Timeout),
		Err: fmt.Errorf("none of %d messages came back", result.Due)}
}
