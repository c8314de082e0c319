// Package hist has histograms of durations that keep the precision of rare, long ones:
// HdrHistogram with three digits, from a nanosecond to an hour. They can be added up,
// stored, and exchanged with other tools.
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
	folded []byte                  // all counts, in HdrHistogram's encoding
}

// New returns an empty histogram.
func New() *Hist { return &Hist{h: empty()} }

func empty() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(lowest), int64(highest), digits)
}

// Record counts d once. A duration below a nanosecond counts as one, and a duration above
// an hour as an hour.
func (h *Hist) Record(d time.Duration) { h.RecordTimes(d, 1) }

// RecordTimes counts d n times, as Record does.
func (h *Hist) RecordTimes(d time.Duration, n int64) {
	if h.h == nil {
		h.unfold()
	}
	h.h.RecordValues(int64(min(max(d, lowest), highest)), n)
}

// Add adds the counts of other to h.
func (h *Hist) Add(other *Hist) {
	h.unfold()
	h.h.Merge(other.counters())
}

// Reset removes all counts.
func (h *Hist) Reset() {
	h.unfold()
	h.h.Reset()
}

// Fold makes h small: some hundred bytes instead of a quarter of a megabyte of counters. It
// is for histograms that are kept and rarely read, e.g. one for each second of a run. Each
// read decodes a folded histogram again. Record and Add unfold it.
func (h *Hist) Fold() {
	if h.h != nil {
		h.folded, h.h = encode(h.h), nil
	}
}

func (h *Hist) unfold() { h.h, h.folded = h.counters(), nil }

// counters returns the counters of h, or a copy of them if h is folded.
func (h *Hist) counters() *hdrhistogram.Histogram {
	switch {
	case h.h != nil:
		return h.h
	case h.folded == nil:
		return empty() // the zero Hist
	}
	read, err := decode(h.folded)
	if err != nil {
		panic("hist: decode a folded histogram: " + err.Error())
	}
	return read
}

// Count returns how many durations were recorded.
func (h *Hist) Count() int64 { return h.counters().TotalCount() }

// Quantile returns the duration that the part q of all durations does not exceed; q is from
// 0 to 1. It is 0 if there are none.
func (h *Hist) Quantile(q float64) time.Duration {
	return time.Duration(h.counters().ValueAtQuantile(q * 100))
}

// Min returns the shortest duration; 0 if there are none.
func (h *Hist) Min() time.Duration { return time.Duration(h.counters().Min()) }

// Max returns the longest duration, to three digits; 0 if there are none.
func (h *Hist) Max() time.Duration { return time.Duration(h.counters().Max()) }

// Mean returns the average, to three digits; 0 if there are none.
func (h *Hist) Mean() time.Duration { return time.Duration(h.counters().Mean()) }

// Equal reports whether both have the same counts.
func (h *Hist) Equal(other *Hist) bool {
	if h == nil || other == nil {
		return h == other
	}
	return h.counters().Equals(other.counters())
}

// Summary is the usual figures of a histogram. All are 0 if nothing was recorded.
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

// Summary returns the figures of h.
func (h *Hist) Summary() Summary {
	h = &Hist{h: h.counters()} // decoded once
	return Summary{
		Count: h.Count(), Min: h.Min(), Mean: h.Mean(), Max: h.Max(),
		P50: h.Quantile(0.5), P90: h.Quantile(0.9), P99: h.Quantile(0.99),
		P999: h.Quantile(0.999), P9999: h.Quantile(0.9999),
	}
}

// Point says that the part Quantile of all durations, from 0 to 1, was at most Value.
type Point struct {
	Quantile float64
	Value    time.Duration
}

// Bucket counts the durations up to To, and above To of the bucket before it.
type Bucket struct {
	To    time.Duration
	Count int64
}

// limits are the limits of buckets in each power of ten, times ten, from fine to coarse.
var limits = [][]time.Duration{{10, 15, 20, 30, 50, 70}, {10, 20, 50}, {10}}

// Buckets returns the counts in buckets whose limits are round numbers, from the shortest to
// the longest duration: at most that many, but not fewer than one for each power of ten.
// There are none if nothing was recorded.
func (h *Hist) Buckets(most int) (buckets []Bucket) {
	counters := h.counters()
	if counters.TotalCount() == 0 {
		return nil
	}
	bars := counters.Distribution()
	for _, in := range limits {
		if buckets = bucketsOf(bars, in); len(buckets) <= most {
			break
		}
	}
	return buckets
}

func bucketsOf(bars []hdrhistogram.Bar, limits []time.Duration) []Bucket {
	var buckets []Bucket
	for power := lowest; len(bars) > 0; power *= 10 {
		for _, limit := range limits {
			b := Bucket{To: power * limit / 10}
			for len(bars) > 0 && time.Duration(bars[0].To) <= b.To {
				b.Count += bars[0].Count
				bars = bars[1:]
			}
			first, twice := len(buckets) == 0, len(buckets) > 0 && b.To == buckets[len(buckets)-1].To // 1.5 ns is 1 ns
			if b.Count > 0 || !first && !twice && len(bars) > 0 {
				buckets = append(buckets, b)
			}
		}
	}
	return buckets
}

// pointsPerHalving is how many points of a curve there are each time that the rest of the
// durations becomes half as many.
const pointsPerHalving = 5

// Curve returns the distribution as points, which are closer together at higher quantiles.
// The last is the longest duration, at 1. There are none if nothing was recorded.
func (h *Hist) Curve() []Point {
	counters := h.counters()
	if counters.TotalCount() == 0 {
		return nil
	}
	var points []Point
	for _, at := range counters.CumulativeDistributionWithTicks(pointsPerHalving) {
		points = append(points, Point{at.Quantile / 100, time.Duration(at.ValueAt)})
	}
	return points
}
