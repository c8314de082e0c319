package report

import (
	"math"

	"echod/internal/hist"
	"echod/internal/load"
)

// charts are the pictures of some runs: how latency is distributed, and how it
// and the throughput went on.
func charts(runs []Run) []chart {
	runs = thinned(runs)
	all := append([]chart{distribution(runs)}, history(runs)...)
	return append(all, throughput(runs))
}

// curve is a histogram to be drawn.
type curve struct {
	name string
	h    *hist.Hist
}

// distribution is latency by percentile, and for a single run of an open loop the
// scheduling delay of the generator too.
func distribution(runs []Run) chart {
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
			low, high = min(low, c.h.Min().Seconds()), max(high, c.h.Max().Seconds())
			most = max(most, c.h.Count())
		}
	}
	picture := chart{Title: "Latency by percentile", X: percentileAxis(most), Y: timeUpward(low, high),
		Says: "So many of all messages took no longer. The further to the right, the rarer."}
	for i, c := range curves {
		picture.draw(c.name, lineClass(i), percentiles(c.h))
	}
	return picture
}

// timeUpward is the axis of durations, whatever there are.
func timeUpward(low, high float64) axis {
	if high == 0 {
		low, high = 1e-6, 1e-3
	}
	return logAxis(low, high, roundSeconds).upward()
}

// percentiles draws the slowest message where the slowest of so many stands.
func percentiles(h *hist.Hist) []sample {
	var samples []sample
	for _, p := range h.Curve() {
		q := min(p.Quantile, 1-1/float64(h.Count()))
		label := "max"
		if p.Quantile < 1 {
			label = partText(p.Quantile)
		}
		samples = append(samples, sample{x: q, y: p.Value.Seconds(), label: label + ": " + seconds(p.Value.Seconds())})
	}
	return samples
}

// partText writes q in percent, with as many digits as tell it from 100 %.
func partText(q float64) string {
	decimals := max(1, int(math.Ceil(-math.Log10(1-q)))-1)
	return trimmed(q*100, decimals) + " %"
}

// history is latency over time. The quantiles of one run share a picture; of
// several runs each quantile has its own, and the runs share that.
func history(runs []Run) []chart {
	axes := timesOf(runs)
	if len(runs) == 1 {
		c := axes
		c.Title, c.Says = "Latency over time", "Each second's median, 99th percentile and slowest message."
		for i, q := range overTime {
			c.draw(q.label, lineClass(i), q.samples(runs[0].Result))
		}
		return []chart{c}
	}
	var all []chart
	for _, q := range overTime {
		c := axes
		c.Title, c.Says = "Latency over time: "+q.label, q.says
		for i, run := range runs {
			c.draw(run.Name, lineClass(i), q.samples(run.Result))
		}
		all = append(all, c)
	}
	return all
}

// moment is a quantile of each second.
type moment struct {
	label, says string
	part        float64
}

var overTime = []moment{
	{"p50", "Half of each second's messages took no longer.", 0.5},
	{"p99", "One in a hundred of each second's messages took longer.", 0.99},
	{"max", "Each second's slowest message.", 1},
}

func (q moment) samples(r *load.Result) []sample {
	var samples []sample
	for _, in := range r.Intervals {
		s := sample{x: in.At + in.Seconds/2, gap: in.Latency.Count() == 0}
		if !s.gap {
			s.y = in.Latency.Quantile(q.part).Seconds()
			s.label = clock(in.At) + ": " + seconds(s.y)
		}
		samples = append(samples, s)
	}
	return samples
}

// timesOf has the axes of latency over time, which are the same in all pictures
// of it.
func timesOf(runs []Run) chart {
	low, high := math.Inf(1), 0.0
	for _, run := range runs {
		for _, in := range run.Result.Intervals {
			if in.Latency.Count() > 0 {
				low = min(low, in.Latency.Quantile(0.5).Seconds())
				high = max(high, in.Latency.Max().Seconds())
			}
		}
	}
	return chart{X: timeAxis(longest(runs)), Y: timeUpward(low, high)}
}

// longest is the time that the longest run took, in seconds, or one.
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

// throughput is messages a second over time.
func throughput(runs []Run) chart {
	high := 0.0
	for _, run := range runs {
		for _, in := range run.Result.Intervals {
			v, _ := divide(float64(in.Messages), in.Seconds)
			high = max(high, v)
		}
	}
	if high == 0 {
		high = 1
	}
	c := chart{Title: "Throughput over time", Says: "Answers a second.",
		X: timeAxis(longest(runs)), Y: linearAxis(high, rate).upward()}
	for i, run := range runs {
		name := run.Name
		if len(runs) == 1 {
			name = "messages"
		}
		c.draw(name, lineClass(i), rates(run.Result))
	}
	return c
}

func rates(r *load.Result) []sample {
	var samples []sample
	for _, in := range r.Intervals {
		v, ok := divide(float64(in.Messages), in.Seconds)
		samples = append(samples, sample{x: in.At + in.Seconds/2, y: v, label: clock(in.At) + ": " + rate(v), gap: !ok})
	}
	return samples
}
