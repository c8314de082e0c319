package duel

import (
	"cmp"
	"slices"
)

// Result is one engine under one workload: the rounds as they were measured,
// and what they come to.
type Result struct {
	Engine    string            `json:"engine"`
	Workload  Workload          `json:"workload"`
	BaseRate  float64           `json:"base_per_second"`  // median of the rounds
	RivalRate float64           `json:"rival_per_second"` // likewise
	Ratios    map[string]Spread `json:"ratios"`           // by the name of the measure, rival to base
	Rounds    []Round           `json:"rounds"`
}

// summed fills in what the rounds come to.
func (r Result) summed() Result {
	each := func(f func(Round) float64) Spread {
		values := make([]float64, len(r.Rounds))
		for i, round := range r.Rounds {
			values[i] = f(round)
		}
		return SpreadOf(values)
	}
	r.BaseRate = each(func(r Round) float64 { return Throughput.figure(r.Base) }).Median
	r.RivalRate = each(func(r Round) float64 { return Throughput.figure(r.Rival) }).Median
	r.Ratios = make(map[string]Spread)
	for _, m := range Measures() {
		r.Ratios[m.Name] = each(m.Ratio)
	}
	return r
}

// Ratio is the spread of one measure.
func (r Result) Ratio(m Measure) Spread { return r.Ratios[m.Name] }

// Spread is the five-number summary of some values.
type Spread struct {
	Min    float64 `json:"min"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
	Max    float64 `json:"max"`
}

// SpreadOf summarises values, of which there must be one at least. A quantile
// between two of them is interpolated.
func SpreadOf(values []float64) Spread {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	at := func(q float64) float64 {
		pos := q * float64(len(sorted)-1)
		low := int(pos)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (pos-float64(low))*(sorted[high]-sorted[low])
	}
	return Spread{Min: at(0), Q1: at(0.25), Median: at(0.5), Q3: at(0.75), Max: at(1)}
}
