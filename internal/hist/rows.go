package hist

import (
	"math"
	"slices"
	"time"
)

// Rows is a small histogram of which many can be kept, e.g. one for each column of a heat map:
// buckets with logarithmic limits, of which the empty ones are omitted, from short to long. Each
// limit is 12 % above the one before. The zero value is empty.
type Rows []Bucket

const (
	rowsPerTen = 20   // for each power of ten
	firstRow   = 2    // 100 ns, as a power of ten of nanoseconds: shorter durations count there
	almost     = 1e-9 // what floating point numbers lose
)

// rowLimit returns the limit of the row of d, in whole nanoseconds.
func rowLimit(d time.Duration) time.Duration {
	row := math.Ceil(math.Log10(float64(min(max(d, 1), highest)))*rowsPerTen - almost)
	return time.Duration(math.Pow(10, max(row/rowsPerTen, firstRow)) + almost)
}

// Record counts d once. A duration of more than an hour counts as an hour.
func (r *Rows) Record(d time.Duration) { r.count(rowLimit(d), 1) }

// Add adds the counts of other to r.
func (r *Rows) Add(other Rows) {
	for _, b := range other {
		r.count(b.To, b.Count)
	}
}

func (r *Rows) count(limit time.Duration, n int64) {
	i, found := slices.BinarySearchFunc(*r, limit, func(b Bucket, to time.Duration) int { return int(b.To - to) })
	if !found {
		*r = slices.Insert(*r, i, Bucket{To: limit})
	}
	(*r)[i].Count += n
}

// Count returns how many durations were recorded.
func (r Rows) Count() (n int64) {
	for _, b := range r {
		n += b.Count
	}
	return n
}

// Quantile returns the limit of the row that has the quantile q, from 0 to 1; 0 if nothing was
// recorded. It is at most 12 % too long.
func (r Rows) Quantile(q float64) time.Duration {
	rest := max(int64(math.Ceil(q*float64(r.Count()))), 1)
	for _, b := range r {
		if rest -= b.Count; rest <= 0 {
			return b.To
		}
	}
	return 0
}

// Rows returns the counts of h in rows.
func (h *Hist) Rows() Rows {
	var rows Rows
	for _, bar := range h.counters().Distribution() {
		if bar.Count > 0 {
			rows.count(rowLimit(time.Duration(bar.To)), bar.Count)
		}
	}
	return rows
}
