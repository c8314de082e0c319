// Package hist counts durations without losing their tail: HdrHistogram, with
// three digits from a nanosecond to an hour, that can be added up, stored and
// exchanged with other tools.
package hist

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	lowest  = time.Nanosecond
	highest = time.Hour
	digits  = 3
)

// Hist is a histogram of durations. Its methods are for one goroutine at a time.
type Hist struct {
	h      *hdrhistogram.Histogram // nil while folded
	folded []byte                  // all that was counted, in HdrHistogram's encoding
}

// New is an empty histogram.
func New() *Hist { return &Hist{h: empty()} }

func empty() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(lowest), int64(highest), digits)
}

// Record counts d once. What is shorter than a nanosecond or longer than an hour
// counts as that.
func (h *Hist) Record(d time.Duration) {
	if h.h == nil {
		h.unfold()
	}
	h.h.RecordValue(int64(min(max(d, lowest), highest)))
}

// Add counts all that other has counted.
func (h *Hist) Add(other *Hist) {
	h.unfold()
	h.h.Merge(other.counters())
}

// Reset forgets everything.
func (h *Hist) Reset() {
	h.unfold()
	h.h.Reset()
}

// Count is how many durations were recorded.
func (h *Hist) Count() int64 { return h.counters().TotalCount() }

// Quantile is the duration that the part q, from 0 to 1, of all does not exceed;
// 0 if there are none.
func (h *Hist) Quantile(q float64) time.Duration {
	return time.Duration(h.counters().ValueAtQuantile(q * 100))
}

// Min, Max and Mean are 0 if nothing was recorded.
func (h *Hist) Min() time.Duration { return time.Duration(h.counters().Min()) }

// Max is the longest, to three digits.
func (h *Hist) Max() time.Duration { return time.Duration(h.counters().Max()) }

// Mean is the average, to three digits.
func (h *Hist) Mean() time.Duration { return time.Duration(h.counters().Mean()) }
