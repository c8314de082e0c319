package hist

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// MarshalJSON writes all counts as one string: HdrHistogram's V2 encoding, compressed, in
// base64, which the libraries of other languages read. Values are nanoseconds.
func (h *Hist) MarshalJSON() ([]byte, error) { return json.Marshal(h.Encoded()) }

// Encoded returns the string that MarshalJSON writes.
func (h *Hist) Encoded() string {
	if h.folded != nil {
		return string(h.folded)
	}
	return string(encode(h.counters()))
}

// UnmarshalJSON reads what MarshalJSON or another library wrote, if it has three digits from
// a nanosecond to an hour: others cannot be added up without loss. Then h is folded. After
// an error h is unchanged.
func (h *Hist) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return errors.New("a histogram is a string in base64")
	}
	if _, err := decode([]byte(encoded)); err != nil {
		return err
	}
	h.h, h.folded = nil, []byte(encoded)
	return nil
}

// encode returns all counts in HdrHistogram's V2 encoding, compressed, in base64.
func encode(h *hdrhistogram.Histogram) []byte {
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic("hist: encode to memory: " + err.Error())
	}
	return text
}

// decode reads what encode or another library wrote. It refuses histograms with other
// limits: they cannot be added up without loss.
func decode(text []byte) (*hdrhistogram.Histogram, error) {
	read, err := hdrhistogram.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("decode a histogram: %w", err)
	}
	if read.LowestTrackableValue() != int64(lowest) || read.HighestTrackableValue() != int64(highest) ||
		read.SignificantFigures() != digits {
		return nil, fmt.Errorf("a histogram from %d to %d in %d digits; it must be from %d to %d ns in %d",
			read.LowestTrackableValue(), read.HighestTrackableValue(), read.SignificantFigures(), lowest, highest, digits)
	}
	return read, nil
}

// WriteHgrm writes the percentile distribution in the format of HdrHistogram's own tools
// (outputPercentileDistribution of its Java library), which its plotter reads. Values are
// multiples of unit, e.g. a millisecond.
func (h *Hist) WriteHgrm(w io.Writer, unit time.Duration) error {
	counters := h.counters()
	in := func(v float64) float64 { return v / float64(unit) }
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, at := range counters.CumulativeDistributionWithTicks(pointsPerHalving) {
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

// The shape of the counters: 2,048 of them are enough for three digits, and each bucket is
// twice as wide as the one before it.
const subBuckets = 2048

var buckets = bits.Len64(uint64(highest)/subBuckets) + 1
