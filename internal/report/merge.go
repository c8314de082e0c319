package report

import (
	"cmp"
	"slices"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
)

// Merge adds up what several generators measured of one service at the same time,
// by their clocks, to what one would have measured that carried out all their
// plans. Nothing is lost: histograms, counts and seconds add. The results stay as
// they are. It is a [MergeError] if they are not parts of one whole.
func Merge(runs []Run) (*load.Result, error) {
	if err := mergeable(runs); err != nil {
		return nil, err
	}
	var parts []load.Part
	var results []*load.Result
	for _, run := range runs {
		parts = append(parts, partsOf(run.Result)...)
		results = append(results, run.Result)
	}
	started, seconds := around(parts)
	whole := &load.Result{
		Format: load.Format, Echod: joined(parts, func(p load.Part) string { return p.Echod }),
		Environment: mergedEnvironment(parts), Plan: mergedPlan(results),
		Started: started, Seconds: seconds,
		Latency: hist.New(), CPU: mergedCPU(parts), Parts: parts,
	}
	for _, r := range results {
		add(whole, r)
	}
	whole.Behind = mergedBehind(whole, results)
	whole.Intervals = mergedIntervals(started, results)
	return whole, nil
}

// partsOf is r itself, as a part, unless it has been added up from some.
func partsOf(r *load.Result) []load.Part {
	if len(r.Parts) > 0 {
		return r.Parts
	}
	return []load.Part{{Echod: r.Echod, Environment: r.Environment, Plan: r.Plan,
		Started: r.Started, Seconds: r.Seconds, Messages: r.Messages, CPU: r.CPU}}
}

// around is the time from when the first began until the last ended.
func around(parts []load.Part) (started time.Time, seconds float64) {
	started = parts[0].Started
	for _, p := range parts {
		if p.Started.Before(started) {
			started = p.Started
		}
	}
	for _, p := range parts {
		seconds = max(seconds, p.Started.Sub(started).Seconds()+p.Seconds)
	}
	return started, seconds
}

// add counts in whole all that r counted.
func add(whole, r *load.Result) {
	whole.Interrupted = whole.Interrupted || r.Interrupted
	whole.Messages += r.Messages
	whole.Sent += r.Sent
	whole.BytesIn += r.BytesIn
	whole.BytesOut += r.BytesOut
	whole.Latency.Add(r.Latency)
	whole.SchedulingDelay = plus(whole.SchedulingDelay, r.SchedulingDelay)
	whole.Connect = plus(whole.Connect, r.Connect)
	whole.Wrong = cmp.Or(whole.Wrong, r.Wrong)
	for class, n := range r.Errors {
		if whole.Errors == nil {
			whole.Errors = map[dial.Class]int64{}
		}
		whole.Errors[class] += n
	}
	if d := r.Datagrams; d != nil {
		sum := cmp.Or(whole.Datagrams, &load.Datagrams{})
		sum.Sent += d.Sent
		sum.Received += d.Received
		sum.Lost += d.Lost
		sum.Duplicated += d.Duplicated
		sum.Reordered += d.Reordered
		whole.Datagrams = sum
	}
}

// plus adds b to a, which is nil until there is something to add.
func plus(a, b *hist.Hist) *hist.Hist {
	if b == nil {
		return a
	}
	a = cmp.Or(a, hist.New())
	a.Add(b)
	return a
}

// mergedBehind says how far all fell behind together, if any did.
func mergedBehind(whole *load.Result, results []*load.Result) *load.Behind {
	if !slices.ContainsFunc(results, func(r *load.Result) bool { return r.Behind != nil }) {
		return nil
	}
	sum := &load.Behind{}
	for _, r := range results {
		if r.Behind != nil {
			sum.Target += r.Behind.Target
			sum.Achieved += r.Behind.Achieved
			sum.SchedulingDelay = max(sum.SchedulingDelay, r.Behind.SchedulingDelay)
			continue
		}
		sum.Target += r.Plan.Rate
		if left, ok := divide(float64(r.Sent), r.Seconds); ok {
			sum.Achieved += left
		}
	}
	if whole.SchedulingDelay != nil {
		sum.SchedulingDelay = whole.SchedulingDelay.Quantile(0.99)
	}
	return sum
}
