package report

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// labels are what an axis bears, the minor ones in brackets.
func labels(a axis) string {
	var all []string
	for _, t := range a.Ticks {
		if t.Minor {
			t.Label = "[" + t.Label + "]"
		}
		all = append(all, t.Label)
	}
	return strings.Join(all, ", ")
}

func TestAxesBearRoundNumbers(t *testing.T) {
	tests := []struct {
		name string
		axis axis
		want string
	}{
		{"some decades", logAxis(7e-6, 1.83e-3, roundSeconds), "5 µs, 10 µs, 20 µs, 50 µs, 100 µs, 200 µs, 500 µs, 1 ms, 2 ms"},
		{"many decades", logAxis(7e-6, 1.83, roundSeconds), "10 µs, 100 µs, 1 ms, 10 ms, 100 ms, 1 s"},
		{"one value", logAxis(1e-3, 1e-3, roundSeconds), "1 ms, 2 ms"},
		{"within a step", logAxis(3e-3, 4e-3, roundSeconds), "2 ms, 5 ms"},
		{"a rate", linearAxis(2090, rate), "0/s, 500/s, 1,000/s, 1,500/s, 2,000/s, 2,500/s"},
		{"a round rate", linearAxis(1e6, rate), "0/s, 200,000/s, 400,000/s, 600,000/s, 800,000/s, 1,000,000/s"},
		{"a small rate", linearAxis(1, rate), "0/s, 0.200/s, 0.400/s, 0.600/s, 0.800/s, 1.00/s"},
		{"ten seconds", timeAxis(10), "0s, 2s, 4s, 6s, 8s, 10s"},
		{"one second", timeAxis(1), "0s, 200ms, 400ms, 600ms, 800ms, 1s"},
		{"seventy seconds", timeAxis(70), "0s, [10s], 20s, [30s], 40s, [50s], 1m, [1m10s]"},
		{"an hour", timeAxis(3600), "0s, [10m], 20m, [30m], 40m, [50m], 1h"},
		{"three nines", percentileAxis(1000), "0 %, [50 %], 90 %, 99 %, 99.9 %"},
		{"a million", percentileAxis(2000000), "0 %, [50 %], 90 %, [99 %], 99.9 %, [99.99 %], 99.999 %, [99.9999 %]"},
		{"one message", percentileAxis(1), "0 %, [50 %], 90 %"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, labels(test.axis)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAxesHoldWhatTheyAreFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 3.5).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0, 9).Draw(t, "more"))
		n := rapid.Int64Range(1, 1<<40).Draw(t, "n")
		for name, a := range map[string]axis{"log": logAxis(low, high, roundSeconds), "linear": linearAxis(high, rate),
			"time": timeAxis(max(high, 1)), "percentile": percentileAxis(n)} {
			for _, v := range []float64{low, high, 0.5, 1 - 1/float64(n)} {
				place := a.place(v)
				switch {
				case name != "percentile" && (v < low || v > high), name == "percentile" && v >= 1:
				case !(place >= 0 && place <= 1+1e-9):
					t.Fatalf("%s from %v to %v: %v is at %v", name, low, high, v, place)
				}
			}
			before := -1.0
			for _, tick := range a.Ticks {
				if !(tick.At > before && tick.At <= 100) {
					t.Fatalf("%s from %v to %v: tick %s is at %v, after one at %v", name, low, high, tick.Label, tick.At, before)
				}
				before = tick.At
			}
			if len(a.Ticks) < 2 || len(a.Ticks) > 20 {
				t.Fatalf("%s from %v to %v has %d ticks", name, low, high, len(a.Ticks))
			}
		}
	})
}
