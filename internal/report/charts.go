package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
)

// charts returns the pictures of runs: the distribution of latency, and failures, latency (as lines
// and as heat maps) and throughput over time.
func charts(runs []Run) []chart {
	runs = thinned(runs)
	timed := slices.Concat(overTime(runs), heatMaps(runs), []chart{throughput(runs)})
	if picture, found := failures(runs); found {
		timed = append([]chart{picture}, timed...)
	}
	if len(runs) == 1 {
		for i := range timed {
			timed[i].marks(runs[0].Result)
			timed[i].bands(runs[0].Result)
		}
	}
	first := distribution(runs)
	if len(runs) == 1 {
		first.Bars = bars(runs[0].Result.Latency)
	}
	return append([]chart{first}, timed...)
}

// distribution shows latency by percentile, and for a single run of an open loop the
// scheduling delay of the generator too.
func distribution(runs []Run) chart {
	type curve struct {
		name string
		h    *hist.Hist
	}
	var curves []curve
	for _, run := range runs {
		curves = append(curves, curve{run.Name, run.Result.Latency})
	}
	if len(runs) == 1 {
		curves[0].name = "latency"
		if delay := runs[0].Result.SchedulingDelay; delay != nil {
			curves = append(curves, curve{"scheduling delay", delay})
		}
	}
	low, high, most := math.Inf(1), 0.0, int64(0)
	for _, c := range curves {
		if c.h.Count() > 0 {
			// A delay of 0 would take most of the axis for few messages.
			low, high = min(low, max(c.h.Quantile(0.01), time.Nanosecond).Seconds()), max(high, c.h.Max().Seconds())
			most = max(most, c.h.Count())
		}
	}
	picture := chart{Title: "Latency by percentile", X: draw.Percentiles(most), Y: durationAxis(low, high),
		Says: "This part of all messages took no longer. Rarer messages are further to the right."}
	for i, c := range curves {
		picture.add(c.name, lineClass(i), percentiles(c.h))
	}
	return picture
}

// durationAxis is the vertical axis of durations. High is 0 if there are none.
func durationAxis(low, high float64) draw.Axis {
	if high == 0 {
		low, high = 1e-6, 1e-3
	}
	return draw.Log(low, high, 10, draw.Seconds.Label).Upward()
}

// percentiles returns the curve of h. The slowest message is at the place of the
// slowest one of as many.
func percentiles(h *hist.Hist) []sample {
	var samples []sample
	for _, p := range h.Curve() {
		q := min(p.Quantile, 1-1/float64(h.Count()))
		label := "max"
		if p.Quantile < 1 {
			label = quantileText(p.Quantile)
		}
		samples = append(samples, sample{x: q, y: p.Value.Seconds(), label: label + ": " + draw.Duration(p.Value)})
	}
	return samples
}

// quantileText writes q in percent, with enough digits to tell it from 100 %.
func quantileText(q float64) string {
	if q == 1 {
		return "100 %"
	}
	decimals := max(1, int(math.Ceil(-math.Log10(1-q)))-1)
	text := strconv.FormatFloat(q*100, 'f', decimals, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

// secondQuantile is a quantile of the messages of each second.
type secondQuantile struct {
	label, says string
	part        float64
}

var secondQuantiles = []secondQuantile{
	{"p50", "Half of each second's messages took no longer.", 0.5},
	{"p99", "One in a hundred of each second's messages took longer.", 0.99},
	{"max", "Each second's slowest message.", 1},
}

// overTime shows latency over time. The quantiles of a single run are in one chart.
// Of several runs, each quantile has a chart with all runs.
func overTime(runs []Run) []chart {
	low, high := math.Inf(1), 0.0
	for _, run := range runs {
		for _, in := range run.Result.Intervals {
			if in.Latency.Count() > 0 {
				low = min(low, in.Latency.Quantile(0.5).Seconds())
				high = max(high, in.Latency.Max().Seconds())
			}
		}
	}
	// All charts have the same axes, so that they can be compared.
	axes := chart{X: draw.Time(longest(runs)), Y: durationAxis(low, high)}
	if len(runs) == 1 {
		c := axes
		c.Title, c.Says = "Latency over time", "Each second's median, 99th percentile and slowest message."
		for i, q := range secondQuantiles {
			c.add(q.label, lineClass(i), q.samples(runs[0].Result))
		}
		return []chart{c}
	}
	var all []chart
	for _, q := range secondQuantiles {
		c := axes
		c.Title, c.Says = "Latency over time: "+q.label, q.says
		for i, run := range runs {
			c.add(run.Name, lineClass(i), q.samples(run.Result))
		}
		all = append(all, c)
	}
	return all
}

func (q secondQuantile) samples(r *load.Result) []sample {
	var samples []sample
	for _, in := range r.Intervals {
		s := sample{x: in.At + in.Seconds/2, gap: in.Latency.Count() == 0}
		if !s.gap {
			value := in.Latency.Quantile(q.part)
			s.y, s.label = value.Seconds(), draw.Clock(in.At)+": "+draw.Duration(value)
		}
		samples = append(samples, s)
	}
	return samples
}

// longest returns the length of the longest run in seconds, at least 1.
func longest(runs []Run) float64 {
	length := 1.0
	for _, run := range runs {
		length = max(length, run.Result.Seconds)
		for _, in := range run.Result.Intervals {
			length = max(length, in.At+in.Seconds)
		}
	}
	return length
}

// rates is a line of a chart of rates: what is counted of a run.
type rates struct {
	name string
	run  Run
	of   func(load.Interval) int64
}

// throughput shows messages per second over time, and for a single run of an open loop those
// that were due.
func throughput(runs []Run) chart {
	var lines []rates
	for _, run := range runs {
		lines = append(lines, rates{run.Name, run, func(in load.Interval) int64 { return in.Answered }})
	}
	if len(runs) == 1 {
		lines[0].name = "answered"
		if !runs[0].Result.Plan.Rate.IsZero() {
			lines = append(lines, rates{"due", runs[0], func(in load.Interval) int64 { return in.Due }})
		}
	}
	return ratesOverTime("Throughput over time", "Messages per second.", runs, lines)
}

// failures shows over time the messages that have failed and those that were lost. The legend
// has the classes of a single run, which are known of the whole run only. It returns false if
// there are none.
func failures(runs []Run) (picture chart, found bool) {
	var lines []rates
	for _, run := range runs {
		r := run.Result
		found = found || r.Failed.Total() > 0 || r.Lost > 0
		lines = append(lines, rates{run.Name, run, func(in load.Interval) int64 { return in.Failed + in.Lost }})
	}
	if len(runs) == 1 {
		r := runs[0].Result
		lines = nil
		if r.Failed.Total() > 0 {
			lines = append(lines, rates{"failed (" + classWords(r.Failed) + ")", runs[0], func(in load.Interval) int64 { return in.Failed }})
		}
		if r.Lost > 0 {
			lines = append(lines, rates{"lost (" + draw.Whole(float64(r.Lost)) + ")", runs[0], func(in load.Interval) int64 { return in.Lost }})
		}
	}
	return ratesOverTime("Failures over time", "Messages per second that failed or were lost, when this was noticed.", runs, lines), found
}

// ratesOverTime shows lines over the time of runs.
func ratesOverTime(title, says string, runs []Run, lines []rates) chart {
	all, high := make([][]sample, len(lines)), 0.0
	for i, l := range lines {
		for _, in := range l.run.Result.Intervals {
			v, ok := divide(float64(l.of(in)), in.Seconds)
			all[i] = append(all[i], sample{x: in.At + in.Seconds/2, y: v, label: draw.Clock(in.At) + ": " + draw.PerSecond.Write(v), gap: !ok})
			high = max(high, v)
		}
	}
	if high == 0 {
		high = 1
	}
	step := draw.RoundUp(high/5, 1, 2, 2.5, 5)
	c := chart{Title: title, Says: says, X: draw.Time(longest(runs)), Y: draw.Linear(high, step, draw.PerSecond.Write).Upward()}
	for i, l := range lines {
		c.add(l.name, lineClass(i), all[i])
	}
	return c
}

// maxIntervals is how many intervals a chart can show.
const maxIntervals = 400

// thinned returns runs with at most maxIntervals intervals each. Neighbouring
// intervals are added up: since histograms add, the charts remain exact.
func thinned(runs []Run) []Run {
	var all []Run
	for _, run := range runs {
		r := *run.Result
		if each := (len(r.Intervals) + maxIntervals - 1) / maxIntervals; each > 1 {
			var sums []load.Interval
			for neighbours := range slices.Chunk(r.Intervals, each) {
				sum := second{Interval: load.Interval{At: neighbours[0].At}}
				for _, in := range neighbours {
					sum.Seconds += in.Seconds
					sum.Conns = in.Conns
					sum.count(secondOf(in))
				}
				sums = append(sums, sum.sum())
			}
			r.Intervals = sums
		}
		all = append(all, Run{Name: run.Name, Result: &r})
	}
	return all
}
