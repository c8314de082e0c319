package report

import (
	"maps"
	"slices"
	"time"

	"echod/internal/hist"
	"echod/internal/load"
)

// second is one second of a whole, and the histograms that it is made of. They
// are added up at the end, one second after another: a folded histogram is small,
// and an hour has many seconds.
type second struct {
	load.Interval
	latencies []*hist.Hist
}

// count counts what an interval counted.
func (s *second) count(in load.Interval, latencies ...*hist.Hist) {
	s.Messages += in.Messages
	s.BytesIn += in.BytesIn
	s.Errors += in.Errors
	s.latencies = append(s.latencies, latencies...)
}

// sum is the interval that s has become.
func (s *second) sum() load.Interval {
	s.Latency = hist.New()
	for _, h := range s.latencies {
		s.Latency.Add(h)
	}
	s.Latency.Fold()
	return s.Interval
}

// mergedIntervals puts each interval into the second in which its middle lies,
// counted from started.
func mergedIntervals(started time.Time, results []*load.Result) []load.Interval {
	seconds := map[int]*second{}
	for _, r := range results {
		for i, own := range bySecond(r, r.Started.Sub(started).Seconds()) {
			if seconds[i] == nil {
				seconds[i] = own
				continue
			}
			seconds[i].Seconds = max(seconds[i].Seconds, own.Seconds)
			seconds[i].Conns += own.Conns
			seconds[i].count(own.Interval, own.latencies...)
		}
	}
	var all []load.Interval
	for _, i := range slices.Sorted(maps.Keys(seconds)) {
		all = append(all, seconds[i].sum())
	}
	return all
}

// bySecond are the intervals of one result, which began at offset, by the second
// of the whole. A short one at the end may share a second with the one before.
func bySecond(r *load.Result, offset float64) map[int]*second {
	seconds := map[int]*second{}
	for _, in := range r.Intervals {
		i := int(offset + in.At + in.Seconds/2)
		if seconds[i] == nil {
			seconds[i] = &second{Interval: load.Interval{At: float64(i)}}
		}
		seconds[i].Seconds += in.Seconds
		seconds[i].Conns = in.Conns
		seconds[i].count(in, in.Latency)
	}
	return seconds
}
