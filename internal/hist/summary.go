package hist

import "time"

// Summary is a histogram in the figures that people ask for. All are 0 if
// nothing was recorded.
type Summary struct {
	Count int64
	Min   time.Duration
	Mean  time.Duration
	P50   time.Duration
	P90   time.Duration
	P99   time.Duration
	P999  time.Duration
	P9999 time.Duration
	Max   time.Duration
}

// Summary is what h comes to.
func (h *Hist) Summary() Summary {
	h = &Hist{h: h.counters()} // once for all
	return Summary{
		Count: h.Count(), Min: h.Min(), Mean: h.Mean(), Max: h.Max(),
		P50: h.Quantile(0.5), P90: h.Quantile(0.9), P99: h.Quantile(0.99),
		P999: h.Quantile(0.999), P9999: h.Quantile(0.9999),
	}
}

// Point says that the part Quantile of all durations, from 0 to 1, was not above
// Value.
type Point struct {
	Quantile float64
	Value    time.Duration
}

// Curve is the distribution in points that lie closer the higher they are: five
// for each halving of what is still above. The last is the longest, at 1; there
// is none if nothing was recorded.
func (h *Hist) Curve() []Point {
	counters := h.counters()
	if counters.TotalCount() == 0 {
		return nil
	}
	var points []Point
	for _, at := range counters.CumulativeDistributionWithTicks(ticks) {
		points = append(points, Point{at.Quantile / 100, time.Duration(at.ValueAt)})
	}
	return points
}

// Equal reports whether both counted the same.
func (h *Hist) Equal(other *Hist) bool {
	if h == nil || other == nil {
		return h == other
	}
	return h.counters().Equals(other.counters())
}
