package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/search"
)

// FindFormat names the format of the file of a search, and its version.
const FindFormat = "echod-find/1"

// Find is a search for the highest rate that meets limits: echod bench --find.
type Find struct {
	Format  string         `json:"format"`
	Verdict search.Verdict `json:"verdict,omitempty"` // absent if the search did not end
	Summary string         `json:"summary"`           // the result in words

	Rate       float64  `json:"rate"`       // the highest rate that was met, in messages per second; 0 if there is none
	Above      float64  `json:"above"`      // the lowest rate that was not met; 0 if there is none
	Repeats    int      `json:"repeats"`    // of Rate
	Met        int      `json:"met"`        // of the repeats
	Confidence float64  `json:"confidence"` // of the intervals in Limits, from 0 to 1
	Precision  float64  `json:"precision"`  // how far Rate and Above may be apart, as a part of Rate
	Limits     []Limit  `json:"limits"`
	Warnings   []string `json:"warnings,omitempty"` // reasons not to trust the result
	Steps      []Step   `json:"steps"`              // in order; the first is a closed loop, unless the lowest rate was given
}

// Limit is a threshold of a search. Bound and the other numbers are in the unit of the figure:
// seconds, messages, or a part of 1.
type Limit struct {
	Threshold string  `json:"threshold"` // as it was given
	Figure    string  `json:"figure"`
	Bound     float64 `json:"bound"`
	// Repeated are the figures of the repeats, nil if one of them was not measured.
	Repeated *Repeated `json:"repeated,omitempty"`
}

// Repeated is the median of a figure of several measurements, and the interval that contains
// the median of all possible measurements with the confidence of the search.
type Repeated struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Step is one measurement of a search.
type Step struct {
	Phase      search.Phase       `json:"phase"`
	Rate       float64            `json:"rate"`              // messages per second; 0 for the closed loop
	Outcome    search.Outcome     `json:"outcome,omitempty"` // absent for the closed loop
	Figures    map[string]float64 `json:"figures"`           // computed from Result by WriteFindJSON
	Thresholds []Verdict          `json:"thresholds,omitempty"`
	Result     *load.Result       `json:"result"`
}

// ClosedLoop is the phase of the step before the search, from which the lowest rate follows.
const ClosedLoop search.Phase = "closed"

// WriteFindJSON writes everything that is known of searches: of one, a file that [Read] reads, and
// of several, a list of such files with names.
func WriteFindJSON(w io.Writer, searches []Search) error {
	all := struct {
		Format   string   `json:"format"`
		Searches []Search `json:"searches"`
	}{Format: ReportFormat}
	for _, s := range searches {
		whole := *s.Find
		whole.Format, whole.Steps = FindFormat, slices.Clone(whole.Steps)
		for i := range whole.Steps {
			whole.Steps[i].Figures = figuresOf(Run{Result: whole.Steps[i].Result})
		}
		all.Searches = append(all.Searches, Search{s.Name, &whole})
	}
	if len(searches) == 1 {
		return encode(w, all.Searches[0].Find)
	}
	return encode(w, all)
}

// origin returns the load of f and where it was measured.
func (f *Find) origin() origin {
	if len(f.Steps) == 0 {
		return origin{}
	}
	r := f.Steps[0].Result
	o := originOf(Run{Result: r})
	o.When, o.Plan = startOf(r), searchWords(r.Plan, f.Limits)+fmt.Sprintf(", seed %d", r.Plan.Seed)
	o.Headline, o.Conclusion = "", conclusion{} // they are of one step
	o.Warnings = slices.Clone(f.Warnings)
	for _, step := range f.Steps {
		if w := step.Result.Wrong; w != nil {
			o.Warnings = append(o.Warnings, Warnings(step.Result)...)
		}
	}
	return o
}

// place is everything that was measured at one rate.
type place struct {
	rate    float64
	latency *hist.Hist
	outcome search.Outcome // Met up to the rate that was found, otherwise that of the last step
	found   bool           // the highest rate that met the limits
}

// places returns the rates of the search that had answers, in ascending order. The histograms of
// steps at the same rate are added up.
func (f *Find) places() []place {
	at := map[float64]place{}
	for _, step := range f.Steps {
		if step.Rate == 0 || step.Result.Latency.Count() == 0 {
			continue
		}
		p, ok := at[step.Rate]
		if !ok {
			p = place{rate: step.Rate, latency: hist.New(), found: step.Rate == f.Rate}
		}
		p.latency.Add(step.Result.Latency)
		if p.outcome = step.Outcome; step.Rate <= f.Rate {
			p.outcome = search.Met
		}
		at[step.Rate] = p
	}
	return slices.SortedFunc(maps.Values(at), func(a, b place) int { return cmp.Compare(a.rate, b.rate) })
}

// limited returns the quantile that the chart of f shows, which is that of the first limit of
// latency, and this limit. Without one it is p99, and the limit is nil.
func (f *Find) limited() (quantile, *Limit) {
	for i, limit := range f.Limits {
		q, ok := quantileNamed(limit.Figure)
		if ok && limit.Bound >= shortest {
			return q, &f.Limits[i]
		}
	}
	return quantilesAt(99)[0], nil
}

// quantileNamed returns the quantile with that name, e.g. p99.9 or max.
func quantileNamed(name string) (quantile, bool) {
	if name == maximum.label {
		return maximum, true
	}
	digits, found := strings.CutPrefix(name, "p")
	percent, err := strconv.ParseFloat(digits, 64)
	if !found || err != nil || !(percent > 0 && percent < 100) {
		return quantile{}, false
	}
	return quantilesAt(percent)[0], true
}

// valid reports whether f can be a search. Code that works with a search that was read need not
// check it again.
func (f *Find) valid() error {
	if len(f.Steps) == 0 {
		return errors.New("a search without steps")
	}
	for i, step := range f.Steps {
		if step.Result == nil {
			return fmt.Errorf("steps[%d] has no result", i)
		}
		if err := Valid(step.Result); err != nil {
			return fmt.Errorf("steps[%d]: %w", i, err)
		}
		if step.Rate != 0 && !(step.Rate >= LowestRate && step.Rate <= load.MaxRate) {
			return fmt.Errorf("steps[%d].rate is %v: want %v to %v, or 0 for a closed loop", i, step.Rate, LowestRate, load.MaxRate)
		}
	}
	for i, limit := range f.Limits {
		if limit.Bound < 0 || limit.Bound > largest {
			return fmt.Errorf("limits[%d].bound is %v: want 0 to %v", i, limit.Bound, largest)
		}
	}
	return nil
}

// LowestRate is the lowest rate of a step, in messages per second.
const LowestRate = 0.001

// shortest is the shortest duration of a histogram, in seconds.
const shortest = 1e-9

// ends returns the lowest and the highest rate of curves.
func ends(curves []curve) (low, high float64) {
	low = math.Inf(1)
	for _, c := range curves {
		low, high = min(low, c.places[0].rate), max(high, c.places[len(c.places)-1].rate)
	}
	return low, high
}

// axes returns the axes of the chart of curves: rates, and latency with the limits, which has at
// most that many ticks unless all are powers of ten.
func axes(curves []curve, limits []Limit, most int) (rates, durations draw.Axis) {
	low, high := math.Inf(1), 0.0
	for _, c := range curves {
		for _, at := range c.places {
			v := at.latency.Quantile(c.part).Seconds()
			low, high = min(low, v), max(high, v)
		}
	}
	for _, limit := range limits {
		low, high = min(low, limit.Bound), max(high, limit.Bound)
	}
	left, right := ends(curves)
	rates = draw.Log(left, right, 10, draw.PerSecond.Label)
	for i, tick := range rates.Ticks {
		rates.Ticks[i].Minor = len(rates.Ticks) > 4 && !strings.HasPrefix(tick.Label, "1")
	}
	return rates, draw.Log(low, high, most, draw.Seconds.Label)
}
