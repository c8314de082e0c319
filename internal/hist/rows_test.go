package hist

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRowsAreTwentyForEachPowerOfTen(t *testing.T) {
	var r Rows
	for _, d := range []time.Duration{0, time.Nanosecond, 100, 101, 112, 113, time.Microsecond, time.Microsecond + 1, time.Hour, 2 * time.Hour} {
		r.Record(d)
	}
	want := Rows{{100, 3}, {112, 2}, {125, 1}, {1000, 1}, {1122, 1}, {3981071705534, 2}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := r.Quantile(0.5); got != 112 {
		t.Errorf("the median of ten is %v, want that of the fifth, 112ns", got)
	}
	if got := Rows(nil).Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v, want 0", got)
	}
}

// Rows of a histogram have all its counts, and a quantile is at most 12 % too long.
func TestRowsAgreeWithTheirHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, single := New(), Rows(nil)
		for _, ns := range rapid.SliceOfN(rapid.Int64Range(100, int64(time.Hour)), 1, 50).Draw(t, "durations") {
			h.Record(time.Duration(ns))
			single.Record(time.Duration(ns))
		}
		rows := h.Rows()
		var twice Rows
		twice.Add(single)
		twice.Add(rows)
		if rows.Count() != h.Count() || single.Count() != h.Count() || twice.Count() != 2*h.Count() {
			t.Fatalf("got %d, %d and %d durations, want %d and twice as many", rows.Count(), single.Count(), twice.Count(), h.Count())
		}
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			exact := h.Quantile(q)
			if got := rows.Quantile(q); float64(got) < 0.998*float64(exact) || float64(got) > 1.126*float64(exact) {
				t.Fatalf("quantile %v: got %v, want %v and up to 12 %% more", q, got, exact)
			}
		}
	})
}
