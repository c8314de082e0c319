package report

import (
	"slices"

	"echod/internal/load"
)

// finest is how many intervals a picture can show.
const finest = 400

// thinned are the same runs with intervals so long that they can be told apart in
// a picture. Histograms add, so that what is shown is exact all the same.
func thinned(runs []Run) []Run {
	var all []Run
	for _, run := range runs {
		r := *run.Result
		r.Intervals = longer(r.Intervals, (len(r.Intervals)+finest-1)/finest)
		all = append(all, Run{Name: run.Name, Result: &r})
	}
	return all
}

// longer makes one interval of each so many.
func longer(intervals []load.Interval, each int) []load.Interval {
	if each <= 1 {
		return intervals
	}
	var all []load.Interval
	for neighbours := range slices.Chunk(intervals, each) {
		sum := second{Interval: load.Interval{At: neighbours[0].At}}
		for _, in := range neighbours {
			sum.Seconds += in.Seconds
			sum.Conns = in.Conns
			sum.count(in, in.Latency)
		}
		all = append(all, sum.sum())
	}
	return all
}
