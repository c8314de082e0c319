package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"echod/internal/search"
)

var plan = search.Plan{Start: 1000, Max: 1e6, Precision: 0.05, Repeats: 5}

// service meets its limits up to a rate. Above another rate, the generator is too slow.
func service(capacity, generator float64) func(search.Phase, float64) (search.Outcome, error) {
	return func(_ search.Phase, rate float64) (search.Outcome, error) {
		switch {
		case rate > generator:
			return search.Inconclusive, nil
		case rate > capacity:
			return search.Broken, nil
		}
		return search.Met, nil
	}
}

func TestSearchFindsTheHighestRate(t *testing.T) {
	tests := []struct {
		name                string
		capacity, generator float64
		want                search.Result
	}{
		{"between two steps", 11000, 1e9, search.Result{Verdict: search.Found, Rate: 11000, Above: 11500, Repeats: 5, Met: 5}},
		{"only the lowest", 1000, 1e9, search.Result{Verdict: search.Found, Rate: 1000, Above: 1030, Repeats: 5, Met: 5}},
		{"none", 999, 1e9, search.Result{Verdict: search.NotMet, Above: 1000}},
		{"all", 1e6, 1e9, search.Result{Verdict: search.Maximum, Rate: 1e6, Repeats: 5, Met: 5}},
		{"the generator is slower", 1e6, 11000, search.Result{Verdict: search.Generator, Rate: 11000, Above: 11500, Repeats: 5, Met: 5}},
		{"the generator is little faster", 11000, 13000, search.Result{Verdict: search.Found, Rate: 11000, Above: 11500, Repeats: 5, Met: 5}},
		{"the generator is too slow for any", 1e6, 10, search.Result{Verdict: search.Generator, Above: 1000}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := plan.Run(service(test.capacity, test.generator))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

// played returns steps that have these outcomes, one letter for each, and what was asked for.
func played(t *testing.T, outcomes string) (step func(search.Phase, float64) (search.Outcome, error), asked *[]string) {
	asked = new([]string)
	return func(phase search.Phase, rate float64) (search.Outcome, error) {
		i := len(*asked)
		if i == len(outcomes) {
			t.Fatalf("a step more than %d: %s %g", i, phase, rate)
		}
		*asked = append(*asked, fmt.Sprintf("%s %g", phase, rate))
		return map[byte]search.Outcome{'m': search.Met, 'b': search.Broken, 'i': search.Inconclusive}[outcomes[i]], nil
	}, asked
}

func TestSearchTakesTheseSteps(t *testing.T) {
	coarse := search.Plan{Start: 100, Max: 1000, Precision: 0.2, Repeats: 5}
	tests := []struct {
		name, outcomes, steps string
		want                  search.Result
	}{
		{"a disturbance does not end the growth", "mbmmmm" + "mmmmm", "grow 100, grow 200, grow 200, grow 400, grow 800, grow 1000",
			search.Result{Verdict: search.Maximum, Rate: 1000, Repeats: 5, Met: 5}},
		{"a disturbance does not lower the result", "mbb" + "bmbm" + "mmbmm", "grow 100, grow 200, grow 200, bisect 150, bisect 150, bisect 175, bisect 175",
			search.Result{Verdict: search.Found, Rate: 175, Above: 200, Repeats: 5, Met: 4}},
		{"most repeats fail", "mbb" + "mm" + "bmbb" + "mmmbb", "grow 100, grow 200, grow 200, bisect 150, bisect 175",
			search.Result{Verdict: search.Found, Rate: 140, Above: 175, Repeats: 5, Met: 3}},
		{"the generator is too slow for the repeats", "mbb" + "mm" + "iii" + "mmmmm", "grow 100, grow 200, grow 200, bisect 150, bisect 175",
			search.Result{Verdict: search.Generator, Rate: 140, Above: 175, Repeats: 5, Met: 5}},
		{"no repeats are met", "mbb" + "mm" + "bbb" + "bbb" + "bbb", "grow 100, grow 200, grow 200, bisect 150, bisect 175",
			search.Result{Verdict: search.NotMet, Above: 100}},
		{"only repeats of the lowest rate are met", "mbb" + "mm" + "bbb" + "bbb" + "mmmmm", "grow 100, grow 200, grow 200, bisect 150, bisect 175",
			search.Result{Verdict: search.Found, Rate: 100, Above: 140, Repeats: 5, Met: 5}},
		{"the last outcome of a rate counts", "ib", "grow 100, grow 100", search.Result{Verdict: search.NotMet, Above: 100}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step, asked := played(t, test.outcomes)
			got, err := coarse.Run(step)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
			steps, _, _ := strings.Cut(strings.Join(*asked, ", "), ", repeat")
			if steps != test.steps || len(*asked) != len(test.outcomes) {
				t.Errorf("got %d steps: %s\nwant %d: %s", len(*asked), *asked, len(test.outcomes), test.steps)
			}
		})
	}
}

func TestErrorEndsTheSearchWithWhatWasFound(t *testing.T) {
	broken := errors.New("interrupted")
	serve, steps := service(11000, 1e9), 0
	for n := 1; ; n++ {
		steps = 0
		got, err := plan.Run(func(phase search.Phase, rate float64) (search.Outcome, error) {
			if steps++; steps == n {
				return "", broken
			}
			return serve(phase, rate)
		})
		if err == nil {
			break // there is no step n
		}
		if err != broken || got.Verdict != "" || got.Rate > 11000 {
			t.Errorf("an error in step %d: got %+v, %v", n, got, err)
		}
		if n == 4 && got.Rate != 4000 {
			t.Errorf("an error in step 4: got %g, want 4000", got.Rate)
		}
	}
}

// TestAnySearchEndsWithARateThatIsMet has services and plans of all kinds, of which some are
// disturbed: then a step that would be met is broken.
func TestAnySearchEndsWithARateThatIsMet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := search.Round(rapid.Float64Range(0.5, 1e5).Draw(t, "start"))
		p := search.Plan{Start: start, Max: start * rapid.Float64Range(1, 1e4).Draw(t, "max"),
			Precision: rapid.Float64Range(0.01, 0.5).Draw(t, "precision"), Repeats: rapid.IntRange(1, 9).Draw(t, "repeats")}
		capacity := p.Max * rapid.Float64Range(0, 1.2).Draw(t, "capacity")
		generator := p.Max * rapid.Float64Range(0, 1.2).Draw(t, "generator")
		noise := rapid.SampledFrom([]int{0, 0, 2, 5, 10}).Draw(t, "noise")
		serve, steps := service(capacity, generator), 0
		got, err := p.Run(func(phase search.Phase, rate float64) (search.Outcome, error) {
			if steps++; steps > 500 {
				t.Fatal("500 steps were not enough")
			}
			if rate < p.Start || rate > p.Max {
				t.Fatalf("step at %g: want %g to %g", rate, p.Start, p.Max)
			}
			if noise > 0 && rapid.IntRange(0, 10).Draw(t, "noise") < noise {
				return search.Broken, nil
			}
			return serve(phase, rate)
		})
		limit := min(capacity, generator)
		switch {
		case err != nil || got.Verdict == "":
			t.Fatalf("got %+v, %v", got, err)
		case got.Rate > limit || got.Above > 0 && got.Rate >= got.Above:
			t.Fatalf("got %+v, want at most %g", got, limit)
		case got.Rate > 0 && 2*got.Met <= got.Repeats:
			t.Fatalf("got %+v: most repeats are not met", got)
		case (got.Verdict == search.NotMet) && got.Rate != 0, got.Verdict == search.Maximum && got.Rate != p.Max:
			t.Fatalf("got %+v", got)
		}
		if noise > 0 {
			return
		}
		// Rounding to three digits adds half a percent.
		if limit >= p.Start && got.Rate < min(limit, p.Max)/(1+p.Precision+0.005) {
			t.Fatalf("got %+v, want nearly %g", got, limit)
		}
		if got.Verdict == search.Generator && generator > capacity*(1+p.Precision+0.005) && capacity >= p.Start ||
			got.Verdict == search.Found && capacity > generator {
			t.Fatalf("got %+v of a service for %g and a generator for %g", got, capacity, generator)
		}
	})
}

func TestConfidenceOfTheMedianGrowsWithTheRepeats(t *testing.T) {
	for n, want := range map[int]float64{0: 0, 1: 0, 2: 0.5, 3: 0.75, 5: 0.9375, 6: 0.96875} {
		if got := search.Confidence(n); got != want {
			t.Errorf("of %d: got %g, want %g", n, got, want)
		}
	}
}
