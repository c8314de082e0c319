package comparison

import (
	"math/rand/v2"
	"testing"
)

// TestIntervalCoversTheTruth draws samples whose median is known. Of 95 % intervals, 95 %
// should contain it, or a few more: tail says why.
func TestIntervalCoversTheTruth(t *testing.T) {
	t.Parallel()
	const samples = 400
	for _, n := range []int{minPairs, 40} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		covered := 0
		for i := range samples {
			values := make([]float64, n)
			for j := range values {
				values[j] = 1 + 0.04*random.NormFloat64()
				if random.IntN(10) == 0 { // a disturbance that was not seen
					values[j] += 0.3 * random.NormFloat64()
				}
			}
			if IntervalOf(values, uint64(i)).contains(1) {
				covered++
			}
		}
		if got := float64(covered) / samples; got < 0.92 || got > 0.985 {
			t.Errorf("%d pairs: %.3f of the intervals have the truth, want 0.92 to 0.985", n, got)
		}
	}
}

func TestIntervalDependsOnlyOnValuesAndSeed(t *testing.T) {
	values := []float64{0.9, 1.1, 1, 1.05, 0.97, 1.02, 0.99}
	first := IntervalOf(values, 1)
	if again := IntervalOf([]float64{1.1, 0.9, 1, 0.97, 1.05, 0.99, 1.02}, 1); again != first {
		t.Errorf("got %v and then %v, want the same in any order", first, again)
	}
	if values[0] != 0.9 {
		t.Error("the values were sorted")
	}
	random := rand.New(rand.NewPCG(1, 1))
	many := make([]float64, 40)
	for i := range many {
		many[i] = random.Float64()
	}
	others := 0
	for seed := range uint64(20) {
		if IntervalOf(many, seed) != IntervalOf(many, seed+1) {
			others++
		}
	}
	if others == 0 {
		t.Error("the seed does not matter")
	}
}

func TestIntervalOfFewValues(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Interval
	}{
		{"one", []float64{3}, Interval{3, 3, 3, 1}},
		{"equal", []float64{2, 2, 2, 2}, Interval{2, 2, 2, 4}},
		{"two", []float64{2, 1}, Interval{1.5, 1, 2, 2}},
	}
	for _, tt := range tests {
		if got := IntervalOf(tt.values, 1); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestResampledMedianIsTheMedianOfTheSample(t *testing.T) {
	sorted := []float64{1, 2, 3, 4}
	tests := []struct {
		drawn []int
		want  float64
	}{
		{[]int{1, 1, 1, 1}, 2.5}, {[]int{4, 0, 0, 0}, 1}, {[]int{2, 0, 0, 2}, 2.5}, {[]int{0, 1, 3, 0}, 3},
	}
	for _, tt := range tests {
		if got := resampledMedian(sorted, tt.drawn); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.drawn, got, tt.want)
		}
	}
	if got := resampledMedian(sorted[:3], []int{0, 2, 1}); got != 2 {
		t.Errorf("three values: got %v, want 2", got)
	}
}

func TestVerdictNeedsTheWholeInterval(t *testing.T) {
	i := Interval{Median: 1, Low: 0.98, High: 1.03}
	tests := []struct {
		goal   float64
		least  Verdict
		atMost Verdict
	}{
		{0.97, Met, Missed},
		{0.98, Met, NotApart},
		{1, NotApart, NotApart},
		{1.03, NotApart, Met},
		{1.04, Missed, Met},
	}
	for _, tt := range tests {
		if got := i.atLeast(tt.goal); got != tt.least {
			t.Errorf("at least %v: got %q, want %q", tt.goal, got, tt.least)
		}
		if got := i.atMost(tt.goal); got != tt.atMost {
			t.Errorf("at most %v: got %q, want %q", tt.goal, got, tt.atMost)
		}
	}
}

func TestWithinIsRelativeToTheMedian(t *testing.T) {
	for _, tt := range []struct {
		i    Interval
		want bool
	}{
		{Interval{1, 0.99, 1.01, 12}, true}, {Interval{1, 0.97, 1.01, 12}, false},
		{Interval{1, 0.99, 1.03, 12}, false}, {Interval{0.1, 0.09, 0.1, 12}, false}, {Interval{10, 9.9, 10.1, 12}, true},
	} {
		if got := tt.i.within(0.02); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.i, got, tt.want)
		}
	}
}
