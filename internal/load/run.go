// Package load puts load on an echo service and measures the answers. It does not
// report better figures than the clients of the service would see: in an open loop
// latency counts from the time for which a message was scheduled, every byte is
// compared, and the result says so if the generator itself was too slow.
package load

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"echod/internal/dial"
)

// Progress is the state of a run, for a line that a person watches.
type Progress struct {
	At       time.Duration // since the measurement began
	Of       time.Duration // how long it will take; 0 if the number of messages decides
	Warmup   bool          // nothing is measured yet
	Interval Interval      // the last second; empty during the warm-up
}

// Run carries out p. It calls observe once a second, always from the same goroutine;
// observe may be nil.
//
// When ctx ends, the result covers what was measured until then, and says that it was
// interrupted; there is none before the measurement began. A wrong byte also ends the
// run: see Result.Wrong. The error is a *usage.Error, a *dial.UnreachableError or ctx's.
func Run(ctx context.Context, p Plan, observe func(Progress)) (*Result, error) {
	return runWith(ctx, p, observe, newDriver)
}

// driver does the I/O of a plan: it makes the connections, sends and receives. What to
// do when is decided by the slots. There are two drivers: netDriver, for every platform
// and network, and loop, for speed.
type driver interface {
	// open makes the connections. It returns when each of them is made, or has failed
	// once, or ctx has ended.
	open(ctx context.Context)
	// drive starts the load and keeps it up until ctx ends.
	drive(ctx context.Context)
	// close closes the connections.
	close()
}

// run is what a driver and its slots need to know of their run.
type run struct {
	Plan
	tally    *tally
	content  *content
	peer     peer
	tag      uint32 // marks the datagrams of this run
	clock    func() int64
	schedule schedule
}

// peer is where all connections go: the address that was found first.
type peer struct{ addr net.Addr }

func newRun(p Plan, to peer) *run {
	begun := time.Now()
	return &run{Plan: p, tally: newTally(p), content: newContent(p.Seed), peer: to,
		tag:   rand.Uint32(), // not from the seed: two runs with one seed are different runs
		clock: func() int64 { return int64(time.Since(begun)) }}
}

// now returns the time on the clock of the run, in nanoseconds.
func (r *run) now() int64 { return r.clock() }

func (r *run) udp() bool { return r.Target.Network == "udp" }

// maxConnecting is how many connects may be in progress, unless they are part of the
// load.
const maxConnecting = 128

// connectAt returns when connection i is to be opened, if the first was at begun.
func (r *run) connectAt(begun int64, i int) int64 {
	if r.ConnectRate == 0 {
		return begun
	}
	return begun + int64(float64(i)/r.ConnectRate*1e9)
}

// nextScheduled takes the next message of an open loop if it is due, for the slots in
// turn.
func (r *run) nextScheduled(now int64) (slot int, due int64, ok bool) {
	if r.Rate == 0 {
		return 0, 0, false
	}
	i, due, ok := r.schedule.pop(now)
	if ok {
		r.tally.scheduled(due, now)
	}
	return int(i % int64(r.Conns)), due, ok
}

func runWith(ctx context.Context, p Plan, observe func(Progress), make func(*run) (driver, error)) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Progress) {}
	}
	to, err := reach(ctx, p)
	if err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	r := newRun(p, to)
	d, err := make(r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.open(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.measure(ctx, d, observe)
}

// reach makes one connection first, so that a service that does not answer is one
// error. All others go to the same address, and the name is looked up only once.
func reach(ctx context.Context, p Plan) (peer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	target := p.Target
	if len(p.Sources) > 0 {
		target.Source = p.Sources[0]
	}
	conn, err := target.Dial(ctx)
	if err != nil {
		return peer{}, &dial.UnreachableError{Target: p.Target.String(), Class: dial.Classify(err), Err: err}
	}
	defer conn.Close()
	if err := dial.AwaitCertRejection(ctx, conn, p.Timeout/8); err != nil {
		return peer{}, &dial.UnreachableError{Target: p.Target.String(), Class: dial.Classify(err), Err: err}
	}
	return peer{conn.RemoteAddr()}, nil
}

// measure runs the driver through the warm-up and the measurement, and completes the
// result.
func (r *run) measure(ctx context.Context, d driver, observe func(Progress)) (*Result, error) {
	driving, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.schedule.start(r.now(), r.Rate)
	var working sync.WaitGroup
	working.Go(func() { d.drive(driving) })
	working.Go(r.tally.archive)
	measured := r.watch(ctx, observe)
	stop()
	close(r.tally.finished)
	working.Wait()
	if !measured {
		return nil, ctx.Err()
	}
	result := r.tally.total()
	result.Interrupted = ctx.Err() != nil
	result.Environment = environment()
	result.Behind = r.behind(result)
	return result, r.verdict(result)
}

// watch keeps the time: of the warm-up, of each second, of the end. It returns false if
// nothing was measured.
func (r *run) watch(ctx context.Context, observe func(Progress)) bool {
	observe(Progress{Warmup: true, Of: r.Duration})
	if !r.wait(ctx, r.Warmup) {
		return r.tally.stop(r.now)
	}
	meter := newMeter(r.ServerPID)
	r.tally.begin(r.now, &r.schedule)
	began := time.Now()
	for going := true; going; {
		next := time.Second
		if r.Duration > 0 {
			next = min(next, r.Duration-time.Since(began))
		}
		going = r.wait(ctx, next) && (r.Duration == 0 || time.Since(began) < r.Duration)
		now := r.now()
		if !going {
			r.tally.stop(r.now)
			meter.read(&r.tally.result.CPU)
			r.waitForScheduled(ctx)
		}
		second := r.tally.nextInterval(now, !going)
		meter.sample()
		observe(Progress{At: time.Since(began), Of: r.Duration, Interval: second})
	}
	return true
}

// wait returns true after d, and false if ctx or the run ends before that.
func (r *run) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-r.tally.enough:
	}
	return false
}

// waitForScheduled waits until all messages have an outcome that were due within the
// measurement. Without that, a server that stalls at the end would look fast.
func (r *run) waitForScheduled(ctx context.Context) {
	if r.Rate == 0 {
		return
	}
	const (
		interval = 5 * time.Millisecond
		grace    = time.Second // for the driver to notice the last timeouts
	)
	for until := time.Now().Add(r.Timeout + grace); !r.tally.allSettled(&r.schedule) && time.Now().Before(until); {
		if !r.wait(ctx, interval) {
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

// behind returns the target and what was achieved, if the generator has not kept up.
func (r *run) behind(result *Result) *Behind {
	if r.Rate == 0 || result.Seconds == 0 || result.Wrong != nil {
		return nil
	}
	inTime := float64(r.tally.outcomes.inTime)
	b := &Behind{Target: r.Rate, Achieved: inTime / result.Seconds, SchedulingDelay: result.SchedulingDelay.Quantile(0.99)}
	scheduled := r.Rate * result.Seconds
	if b.SchedulingDelay <= tooLate && inTime >= tooFew*scheduled-1 {
		return nil
	}
	return b
}

// verdict returns an error if nothing worked at all.
func (r *run) verdict(result *Result) error {
	if result.Messages > 0 || result.Wrong != nil || result.Interrupted {
		return nil
	}
	var most dial.Class
	for class, n := range result.Errors {
		if n > result.Errors[most] {
			most = class
		}
	}
	if most == "" {
		most = dial.Timeout
	}
	return &dial.UnreachableError{Target: r.Target.String(), Class: most, Err: errors.New("not one message came back")}
}
