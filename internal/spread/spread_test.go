package spread

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
)

// TestSumOfManyWorkersIsOneHistogramOfAllSamples compares the sum of 32 workers with the list of all
// latencies.
func TestSumOfManyWorkersIsOneHistogramOfAllSamples(t *testing.T) {
	t.Parallel()
	const workers, n = 32, 32*100 + 7
	var list samples
	var targets []dial.Target
	for range workers {
		target, _ := serve(t, &Worker{carry: list.carry})
		targets = append(targets, target)
	}
	whole := messages(t, "tcp://127.0.0.1:7", 2*workers+5, n)
	var seen []Progress
	sum, err := coordinate(targets...).Run(t.Context(), whole, func(p Progress) { seen = append(seen, p) })
	if err != nil {
		t.Fatal(err)
	}
	one := hist.New()
	for _, d := range list.all {
		one.Record(d)
	}
	if sum.Due != n || sum.Answered != n || len(list.all) != n || len(sum.Parts) != workers {
		t.Errorf("due %d, answered %d, %d samples, %d parts; want %d of %d workers", sum.Due, sum.Answered, len(list.all), len(sum.Parts), n, workers)
	}
	if !sum.Latency.Equal(one) {
		t.Error("the sum is not the histogram of all samples")
	}
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		want := quantileOf(sortedCopy(list.all), q)
		if got := sum.Latency.Quantile(q); got < want-want/500 || got > want+want/500 {
			t.Errorf("quantile %g is %s, want %s, of the list", q, got, want)
		}
	}
	seeds := map[uint64]bool{}
	for i, p := range sum.Parts {
		seeds[p.Plan.Seed] = true
		if p.Worker != targets[i].String() || p.Begun == nil || p.Begun.Uncertainty <= 0 || p.Begun.Skew < -p.Begun.Uncertainty-grain {
			t.Errorf("part %d: worker %s began %+v", i, p.Worker, p.Begun)
		}
	}
	if len(seeds) != workers {
		t.Errorf("%d seeds of %d workers", len(seeds), workers)
	}
	if last := seen[len(seen)-1]; last.Total.Answered != n || last.Workers != workers || last.Running != 0 {
		t.Errorf("the last progress is %+v", last)
	}
}

// TestManyWorkersLoadAnEcho measures a real service. The sum has the buckets of all results, as the
// workers had them before they sent them.
func TestManyWorkersLoadAnEcho(t *testing.T) {
	t.Parallel()
	const workers, n = 32, 32*10 + 5
	service := echotest.NewServer(t)
	var mu sync.Mutex
	kept := map[time.Duration]int64{}
	keep := func(ctx context.Context, p load.Plan, hold load.Hold, observe func(load.Progress)) (*load.Result, error) {
		r, err := load.RunHeld(ctx, p, hold, observe)
		mu.Lock()
		defer mu.Unlock()
		if r != nil {
			addBuckets(kept, r.Latency)
		}
		return r, err
	}
	var targets []dial.Target
	for range workers {
		target, _ := serve(t, &Worker{carry: keep})
		targets = append(targets, target)
	}
	sum, err := coordinate(targets...).Run(t.Context(), messages(t, service.URL(), workers, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[time.Duration]int64{}
	addBuckets(got, sum.Latency)
	if sum.Answered != n || sum.Latency.Count() != n || !maps.Equal(got, kept) {
		t.Errorf("answered %d, buckets %v; want %d, %v", sum.Answered, got, n, kept)
	}
}

func addBuckets(sum map[time.Duration]int64, h *hist.Hist) {
	for _, b := range h.Buckets(1) { // a bucket for each power of ten, whatever the other counts are
		if b.Count > 0 {
			sum[b.To] += b.Count
		}
	}
}

func TestLossOfAWorkerIsNamedAndStopsTheOthers(t *testing.T) {
	t.Parallel()
	const workers = 8
	load := newBlocked(workers)
	var targets []dial.Target
	var stops []func()
	for range workers {
		target, stop := serve(t, &Worker{carry: load.carry})
		targets, stops = append(targets, target), append(stops, stop)
	}
	go func() {
		for range workers {
			<-load.begun
		}
		stops[3]()
	}()
	sum, err := coordinate(targets...).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", workers, 100), nil)
	blames(t, err, targets[3])
	if sum != nil {
		t.Errorf("got a result of %d workers, want none", len(sum.Parts))
	}
	for range workers {
		<-load.ended
	}
}

func TestInterruptStopsAllWorkersAndKeepsWhatTheyMeasured(t *testing.T) {
	t.Parallel()
	const workers = 3
	load := newBlocked(workers)
	var targets []dial.Target
	for range workers {
		target, _ := serve(t, &Worker{carry: load.carry})
		targets = append(targets, target)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for range workers {
			<-load.begun
		}
		interrupt()
	}()
	sum, err := coordinate(targets...).Run(ctx, messages(t, "tcp://127.0.0.1:7", workers, 100), nil)
	if err != nil || !sum.Interrupted || len(sum.Parts) != workers {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestInterruptBeforeTheStartLeavesNothing(t *testing.T) {
	t.Parallel()
	connecting, ended := make(chan bool), make(chan bool)
	target, _ := serve(t, &Worker{carry: func(ctx context.Context, _ load.Plan, _ load.Hold, _ func(load.Progress)) (*load.Result, error) {
		close(connecting)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}})
	ctx, interrupt := context.WithCancel(t.Context())
	go func() { <-connecting; interrupt() }()
	sum, err := coordinate(target).Run(ctx, messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
	if sum != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", sum, err)
	}
	<-ended
}

func TestWorkerSaysWhyItsLoadFailed(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, &Worker{})
	_, err := coordinate(target).Run(t.Context(), messages(t, "tcp://127.77.0.3:7", 1, 1), nil)
	blames(t, err, target)
	if !refusedAs(err, KindLoad) {
		t.Errorf("got %v, want that nothing listens", err)
	}
}

// TestOffsetIsThatOfTheShortestRoundTrip: a clock that is hours off has that offset, and the true one
// is within its uncertainty.
func TestOffsetIsThatOfTheShortestRoundTrip(t *testing.T) {
	t.Parallel()
	epoch := time.Now().Add(-7 * time.Hour) // when the clock of the worker was 0
	at := func(d time.Duration) time.Time { return epoch.Add(5*time.Hour + d) }
	read := func(d time.Duration) int64 { return int64(5*time.Hour + d) }
	o := compare([]exchange{
		{at(0), at(30 * time.Millisecond), read(29 * time.Millisecond)},
		{at(time.Second), at(time.Second + 2*time.Millisecond), read(time.Second + 500*time.Microsecond)},
		{at(2 * time.Second), at(2*time.Second + 10*time.Millisecond), read(2*time.Second + 2*time.Millisecond)},
	})
	if o.uncertainty != time.Millisecond {
		t.Errorf("uncertainty %s, want 1ms", o.uncertainty)
	}
	if wrong := o.at.Sub(epoch).Abs(); wrong > o.uncertainty {
		t.Errorf("off by %s, want at most %s", wrong, o.uncertainty)
	}
	if got := o.remote(o.local(12345)); got != 12345 {
		t.Errorf("there and back: got %d, want 12345", got)
	}
}

func TestNoSumWithoutEveryWorker(t *testing.T) {
	t.Parallel()
	whole := messages(t, "tcp://127.0.0.1:7", 4, 10)
	shares, err := Share(whole, 2)
	if err != nil {
		t.Fatal(err)
	}
	first := measured{Result: result(shares[0], time.Now())}
	for name, parts := range map[string][]measured{
		"one of two": {first}, "one twice": {first, first}, "an empty one": {first, {}}, "none": nil,
	} {
		if _, err := completeOf(whole, shares, parts); err == nil {
			t.Errorf("%s: got a sum", name)
		}
	}
	if _, err := (complete{whole: whole, parts: []measured{first}}).merge(); err == nil {
		t.Error("merged a part as the whole")
	}
	if _, err := (complete{}).merge(); err == nil {
		t.Error("merged nothing")
	}
}

// TestSystemClockDoesNotMatter: that of one worker is seven hours off. That is reported, and the result
// is as of the coordinator's clock.
func TestSystemClockDoesNotMatter(t *testing.T) {
	t.Parallel()
	var list samples
	first, _ := serve(t, &Worker{carry: list.carry})
	second, _ := serve(t, &Worker{ahead: -7 * time.Hour, carry: list.carry})
	before := time.Now()
	sum, err := coordinate(first, second).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 2, 20), nil)
	if err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	for i, want := range []time.Duration{0, -7 * time.Hour} {
		p := sum.Parts[i]
		if got := p.Begun.ClockAhead; got.Round(time.Hour) != want {
			t.Errorf("worker %d is %s ahead, want %s", i, got, want)
		}
		if p.Started.Before(before) || p.Started.After(after) {
			t.Errorf("worker %d started at %s, want %s to %s", i, p.Started, before, after)
		}
	}
}

func TestProgressIsOfTheSameSecondOfAll(t *testing.T) {
	t.Parallel()
	var seen []Progress
	p := newProgress(2, func(now Progress) { seen = append(seen, now) })
	second := func(n int64) load.Progress {
		return load.Progress{At: time.Second, Interval: load.Interval{Answered: n, Seconds: 1}, Total: load.Outcomes{Answered: n, Failed: load.Classes{dial.Reset: 1}}}
	}
	for _, step := range []struct {
		worker int
		now    load.Progress
		calls  int
		last   int64 // answers of the last second that was reported
	}{
		{0, second(1), 0, 0}, {0, second(2), 0, 0}, {1, second(10), 1, 11}, {1, second(20), 2, 22},
		{0, load.Progress{Draining: true}, 2, 22}, {1, second(30), 3, 30},
	} {
		if err := p.add(step.worker, step.now); err != nil {
			t.Fatal(err)
		}
		if len(seen) != step.calls || step.calls > 0 && seen[step.calls-1].Interval.Answered != step.last {
			t.Fatalf("worker %d: got %d calls, %+v; want %d, the last with %d", step.worker, len(seen), seen, step.calls, step.last)
		}
	}
	p.ended(0)
	if p.ended(1); seen[len(seen)-1].Running != 0 || !seen[len(seen)-1].Draining {
		t.Errorf("at the end: %+v", seen[len(seen)-1])
	}
}

func TestProgressThatCannotBeTrueIsAnError(t *testing.T) {
	t.Parallel()
	p := newProgress(2, nil)
	if err := p.add(0, load.Progress{Total: load.Outcomes{Answered: -1}}); err == nil {
		t.Error("a negative count is no error")
	}
	var err error
	for range maxSeconds + 1 {
		err = p.add(0, load.Progress{At: time.Second})
	}
	if err == nil {
		t.Error("a worker that is a minute ahead is no error")
	}
}
