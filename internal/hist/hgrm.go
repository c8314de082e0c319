package hist

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// ticks are the points of a curve for each halving of what is still above it.
const ticks = 5

// WriteHgrm writes the percentile distribution as HdrHistogram's own tools do
// (outputPercentileDistribution of its Java library), which its plotter reads.
// Values are in units of unit: a millisecond, usually.
func (h *Hist) WriteHgrm(w io.Writer, unit time.Duration) error {
	counters := h.counters()
	in := func(v float64) float64 { return v / float64(unit) }
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, at := range counters.CumulativeDistributionWithTicks(ticks) {
		part := at.Quantile / 100
		fmt.Fprintf(out, "%12.6f %14.12f %10d", in(float64(at.ValueAt)), part, at.Count)
		if part < 1 {
			fmt.Fprintf(out, " %14.2f", 1/(1-part))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", in(counters.Mean()), in(counters.StdDev()))
	fmt.Fprintf(out, "#[Max     = %12.6f, Total count    = %12d]\n", in(float64(counters.Max())), counters.TotalCount())
	fmt.Fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", buckets, subBuckets)
	return out.Flush()
}

// The shape of the counters: two thousand of them tell three digits apart, and
// each bucket is twice as wide as the one before it.
const subBuckets = 2048

var buckets = bits.Len64(uint64(highest)/subBuckets) + 1
