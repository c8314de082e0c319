package contest

import (
	"cmp"
	"fmt"
	"slices"
)

// Spread is the five-number summary of some values.
type Spread struct{ Min, Q1, Median, Q3, Max float64 }

// SpreadOf summarises values, of which there must be one at least. A quantile
// between two of them is interpolated.
func SpreadOf(values []float64) Spread {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	at := func(q float64) float64 {
		pos := q * float64(len(sorted)-1)
		low := int(pos)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (pos-float64(low))*(sorted[high]-sorted[low])
	}
	return Spread{Min: at(0), Q1: at(0.25), Median: at(0.5), Q3: at(0.75), Max: at(1)}
}

// String is the median and, where there is more than one value, the quartiles.
func (s Spread) String() string {
	if s.Min == s.Max {
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Q1, s.Q3)
}
