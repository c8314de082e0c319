package load

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"echod/internal/usage"
)

// MaxThreads is the largest number of threads of a generator.
const MaxThreads = 256

// threads returns the number of threads of p.
func (p Plan) threads() int { return max(1, p.Threads) }

// checkHere reports whether this machine has as many processors as the plan has threads, and
// this system the driver for more than one, and for trains. The error is a *usage.Error.
func (p Plan) checkHere(processors int) error {
	switch n := p.threads(); {
	case p.GSO && p.usesGoroutines():
		return usage.New("--gso on "+runtime.GOOS, "omit it: only Linux has UDP_SEGMENT and UDP_GRO")
	case n > 1 && p.usesGoroutines():
		return usage.New(fmt.Sprintf("--threads %d on a system without epoll", n), "omit it: each connection has goroutines, which use all processors")
	case n > processors:
		return usage.New(fmt.Sprintf("--threads %d", n), fmt.Sprintf("want 1 to %d, the processors of this machine that bench may use", processors))
	}
	return nil
}

// share says which slots one of several threads has: those whose numbers have the remainder
// thread. The messages of a schedule are for all slots in turn, so these are due at the same
// instants, and go to the same slots, as with one thread. The zero share has all.
type share struct{ thread, threads, slots int }

// count returns how many slots there are.
func (s share) count() int { return int(s.before(int64(s.slots))) }

// slot returns the number of slot i of this thread.
func (s share) slot(i int) int { return s.thread + i*s.threads }

// index returns which slot of this thread has that number.
func (s share) index(slot int) int { return slot / s.threads }

// after returns the first message of a schedule that is not before i and is for this thread.
func (s share) after(i int64) int64 {
	if s.threads <= 1 {
		return i
	}
	slot := int(i % int64(s.slots))
	next := slot + (s.thread-slot%s.threads+s.threads)%s.threads
	if next >= s.slots {
		next = s.slots + s.thread
	}
	return i + int64(next-slot)
}

// before returns how many of the first n messages of a schedule are for this thread.
func (s share) before(n int64) int64 {
	if s.threads <= 1 {
		return n
	}
	among := func(slots int) int64 { return int64((slots - s.thread + s.threads - 1) / s.threads) } // the first slots
	rounds, rest := n/int64(s.slots), int(n%int64(s.slots))
	return rounds*among(s.slots) + among(rest)
}

// totals is what the tallies of all threads have in common.
type totals struct {
	enough chan struct{} // closed when the run is to end by itself
	once   sync.Once
	ended  atomic.Bool // enough is closed

	// With Plan.Messages, how many messages are taken, and how many have an outcome.
	taken, settled atomic.Int64
}

func newTotals() *totals { return &totals{enough: make(chan struct{})} }

func (t *totals) end() {
	t.once.Do(func() {
		t.ended.Store(true)
		close(t.enough)
	})
}

// threads is the threads of a run, which put one load together.
type threads struct {
	runs    []*run
	drivers []driver // of each run
	hold    Hold

	finished chan *Interval
	failed   chan error // of a driver; it has room for each
}

// each calls do for all threads at the same time, and returns the first error by their order.
func (t *threads) each(do func(i int) error) error {
	failed := make([]error, len(t.drivers))
	var working sync.WaitGroup
	for i := range t.drivers {
		working.Go(func() { failed[i] = do(i) })
	}
	working.Wait()
	return cmp.Or(failed...)
}

// errorOf names the thread of an error, if there are several.
func (t *threads) errorOf(i int, err error) error {
	if err == nil || len(t.runs) == 1 {
		return err
	}
	return fmt.Errorf("thread %d of %d: %w", i+1, len(t.runs), err)
}

// open opens the connections of all threads. A thread that fails ends the others.
func (t *threads) open(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := t.each(func(i int) error {
		err := t.errorOf(i, t.drivers[i].open(ctx))
		if err != nil {
			cancel(err)
		}
		return err
	})
	return err
}

// drive drives all threads until ctx ends. A thread that fails ends the run.
func (t *threads) drive(ctx context.Context) {
	t.each(func(i int) error {
		if err := t.drivers[i].drive(ctx); err != nil {
			t.failed <- t.errorOf(i, err)
			t.runs[i].tally.end()
		}
		return nil
	})
}

func (t *threads) close() {
	for _, d := range t.drivers {
		d.close()
	}
}

// begin begins the schedule of all threads now, and the measurement after the warm-up.
func (t *threads) begin(now int64) {
	t.finished, t.failed = make(chan *Interval, 16), make(chan error, len(t.runs))
	for _, r := range t.runs {
		r.schedule.share, r.schedule.phase = r.share, r.Phase
		r.schedule.start(now, r.Rate)
		r.tally.begin(now+int64(r.Warmup), &r.schedule)
	}
}

// stop ends the measurement at the latest now: no more messages become due. Those that
// were due may still get their outcomes, until settled is closed. The drivers may have taken
// messages from the schedule since the caller got the time: they are counted, so they are due
// before the end.
func (t *threads) stop(now int64) {
	latest := now - 1
	for _, r := range t.runs {
		r.tally.mu.Lock()
		defer r.tally.mu.Unlock()
		latest = max(latest, r.tally.latest)
	}
	first := t.runs[0].tally
	end := min(first.to, max(now, latest+1))
	if n := first.plan.Messages; n > 0 && first.openLoop() && first.all.taken.Load() == n {
		end = first.to // the schedule says how long they took, and not the last answer
	}
	for _, r := range t.runs {
		r.tally.stopAt(end, &r.schedule)
	}
}

// nextInterval ends one interval of all threads and starts the next one. It returns a copy of the
// interval that ended, without its scheduling delays; archive keeps the original.
//
// Messages wait for the lock. Making a histogram and adding two up take the time of
// many messages, so both are done without it.
func (t *threads) nextInterval(now int64) Interval {
	var done *Interval
	for _, r := range t.runs {
		done = plusInterval(done, r.tally.nextInterval(now))
	}
	shown := *done
	shown.Latency, shown.SchedulingDelay = plusHist(nil, done.Latency), nil
	t.finished <- done
	return shown
}

// lastInterval ends the interval after the end of the measurement, which has the late outcomes.
// In the last second of the measurement they would make a peak. It is omitted if there are none.
func (t *threads) lastInterval(now int64) {
	var done *Interval
	for _, r := range t.runs {
		done = plusInterval(done, r.tally.lastInterval(now))
	}
	if done.Answered+done.Failed+done.Lost+done.BytesIn+done.Due > 0 {
		t.finished <- done
	}
}

// soFar returns what became of the messages until now.
func (t *threads) soFar() Outcomes {
	sum := Outcomes{Failed: Classes{}}
	for _, r := range t.runs {
		o := r.tally.soFar()
		sum.Due, sum.Answered, sum.Lost, sum.Failed = sum.Due+o.Due, sum.Answered+o.Answered, sum.Lost+o.Lost, sum.Failed.Plus(o.Failed)
	}
	return sum
}

// result returns where the results of all threads are added up.
func (t *threads) result() *Result { return t.runs[0].tally.result }

// archive adds the finished intervals to the result until there are no more. It
// runs in a goroutine of its own, because it takes a millisecond for each.
func (t *threads) archive() {
	r := t.result()
	for done := range t.finished {
		r.Latency.Add(done.Latency)
		done.Latency.Fold()
		if done.SchedulingDelay != nil {
			r.SchedulingDelay.Add(done.SchedulingDelay)
			done.SchedulingDelay.Fold()
		}
		r.Intervals = append(r.Intervals, *done)
	}
}

// total adds up the results of all threads. Call it when nothing is counted any more.
func (t *threads) total() (sum *Result, inTime int64) {
	for i, r := range t.runs {
		part := r.tally.total()
		if inTime += r.tally.outcomes.inTime; i == 0 {
			sum = part
		} else {
			sum.Add(part)
		}
	}
	return sum, inTime
}

// lost returns the error of a driver that has failed; nil if none has.
func (t *threads) lost() error {
	select {
	case err := <-t.failed:
		return err
	default:
		return nil
	}
}
