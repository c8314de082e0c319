package page

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/engine"
)

// in is a sample of a service that has received n bytes, at some second.
func in(seconds float64, n uint64) sample {
	return sample{at: at(seconds), stats: &engine.Stats{BytesIn: n}}
}

func bytesIn(s *sample) uint64 { return s.stats.BytesIn }

// at is a moment that many seconds after some other one.
func at(seconds float64) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestRatesAreMadeOfCounters(t *testing.T) {
	none := math.NaN()
	type taken struct {
		at float64
		n  uint64
	}
	tests := []struct {
		name  string
		taken []taken
		want  values // the last ones
	}{
		{"one sample is no rate", []taken{{0, 100}}, values{none, none}},
		{"growth in a second", []taken{{0, 100}, {1, 150}, {2, 150}}, values{none, 50, 0}},
		{"in less than a second", []taken{{0, 100}, {0.8, 180}}, values{none, 100}},
		{"started again at zero", []taken{{0, 1000}, {1, 30}, {2, 40}}, values{none, 30, 10}},
		{"twice at one moment", []taken{{0, 0}, {1, 10}, {1, 20}}, values{none, 10}},
		{"samples missing", []taken{{0, 0}, {4, 400}, {5, 500}}, values{none, none, none, 100, 100}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h history
			for _, s := range test.taken {
				h.add(in(s.at, s.n))
			}
			got := h.rates(bytesIn)
			if len(got) != span {
				t.Fatalf("got %d values, want one for each of %d seconds", len(got), span)
			}
			if diff := cmp.Diff(test.want, got[span-len(test.want):], cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("bytes a second (-want +got)\n%s", diff)
			}
		})
	}
}

func TestGrownCountsOnlyTheLastSeconds(t *testing.T) {
	var h history
	for i := range 100 {
		n := uint64(10 * i)
		if i >= 80 {
			n = uint64(i - 80) // started again, and slower
		}
		h.add(in(float64(i), n))
	}
	for seconds, want := range map[int]uint64{1: 1, 19: 19, 20: 19, 60: 19 + 40*10, 600: 19 + 79*10} {
		if got := h.grown(bytesIn, seconds); got != want {
			t.Errorf("in the last %d s: got %d, want %d", seconds, got, want)
		}
	}
}

func TestHistoryKeepsOnlyWhatIsShown(t *testing.T) {
	var h history
	for i := range 3 * span {
		h.add(in(float64(i), uint64(i)))
	}
	if got := len(h); got != span+1 {
		t.Errorf("of a sample each second %d are kept, want %d", got, span+1)
	}
	if got := h.rates(bytesIn); math.IsNaN(got[0]) {
		t.Error("the first second that is shown has no rate")
	}
	h.add(in(9*span, 0))
	if got := len(h); got != 1 {
		t.Errorf("after a long sleep %d samples are kept, want the new one alone", got)
	}
}

func TestTensDoNotChangeBecauseTimePasses(t *testing.T) {
	var h history
	for i := range 95 {
		n := uint64(0)
		if i >= 33 {
			n = 7
		}
		h.add(in(float64(i), n))
		if i < 33 {
			continue
		}
		tens, back := h.tens(bytesIn), i/10-3
		if got := tens[len(tens)-1-back]; got != 7 {
			t.Fatalf("at %d s, %d places back: got %v, want the 7 of second 33", i, back, got)
		}
	}
}
