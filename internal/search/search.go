// Package search finds the highest rate at which a service meets its limits. It measures
// nothing itself: it decides which rate is measured next, and when the answer is known.
package search

import (
	"math"
	"strconv"
)

// Outcome is the outcome of one step: a measurement at one rate.
type Outcome string

// The outcomes of a step.
const (
	Met          Outcome = "met"          // all limits were met
	Broken       Outcome = "broken"       // the service has broken a limit
	Inconclusive Outcome = "inconclusive" // the generator was too slow, so nothing is known of the service
)

// Phase is the part of the search that a step belongs to.
type Phase string

// The phases, in their order. After a repeat that was not good enough, a lower rate is
// repeated.
const (
	Grow   Phase = "grow"   // each rate is twice the one before
	Bisect Phase = "bisect" // each rate is in the middle of a rate that was met and one that was not
	Repeat Phase = "repeat" // the rate that was found, several times
)

// Verdict is the result of a search.
type Verdict string

// The verdicts.
const (
	Found     Verdict = "found"     // the rate is met, and one that is little higher is not
	Maximum   Verdict = "maximum"   // even the highest rate of the plan is met
	NotMet    Verdict = "not-met"   // not even the lowest rate is met
	Generator Verdict = "generator" // the generator, and not the service, was the limit
)

// Plan is what to search.
type Plan struct {
	Start     float64 // the lowest rate, above 0
	Max       float64 // the highest rate, at least Start
	Precision float64 // how far the rates that are met and not met may be apart at the end, as a part of the rate; at least 0.01
	Repeats   int     // how often the rate that was found is measured again
}

// Result is what is known of the highest rate.
type Result struct {
	Verdict Verdict // "" if the search did not end
	Rate    float64 // the highest rate that is met; 0 if there is none
	Above   float64 // the lowest rate that is not met; 0 if there is none
	Repeats int     // of Rate
	Met     int     // of the repeats
}

// Run searches with step, which measures at a rate. If step returns an error, so does Run, with
// what was found so far.
//
// The rate grows from Start to the first that is not met. Then bisection continues until the
// rates that are met and not met are within Precision. A step that is not met is measured a
// second time, and the second outcome counts: a short disturbance would otherwise lower the
// result. The rate that is found is measured again, Repeats times. Unless more than half of them
// are met, a lower rate is tried in the same way.
func (p Plan) Run(step func(Phase, float64) (Outcome, error)) (Result, error) {
	var r Result
	limit := Met // the outcome at r.Above
	twice := func(phase Phase, rate float64) error {
		outcome, err := step(phase, rate)
		if err == nil && outcome != Met {
			outcome, err = step(phase, rate)
		}
		if err != nil {
			return err
		}
		if outcome == Met {
			r.Rate = rate
		} else {
			r.Above, limit = rate, outcome
		}
		return nil
	}
	for rate := p.Start; r.Above == 0 && r.Rate < p.Max; rate = min(2*rate, p.Max) {
		if err := twice(Grow, rate); err != nil {
			return r, err
		}
	}
	for r.Rate > 0 && r.Above-r.Rate > p.Precision*r.Rate {
		middle := Round((r.Rate + r.Above) / 2)
		if middle <= r.Rate || middle >= r.Above {
			break
		}
		if err := twice(Bisect, middle); err != nil {
			return r, err
		}
	}
	for lower := p.Precision; r.Rate > 0; lower *= 2 {
		worst, err := p.repeat(&r, step)
		if err != nil || worst == Met {
			r.Verdict = p.verdict(r, limit, err)
			return r, err
		}
		r.Above, limit = r.Rate, worst
		r.Rate, r.Repeats, r.Met = max(Round(r.Rate*(1-lower)), p.Start), 0, 0
		if r.Above <= p.Start {
			r.Rate = 0
		}
	}
	r.Verdict = p.verdict(r, limit, nil)
	return r, nil
}

// repeat measures r.Rate again, until all repeats are done or half of them are not met. It
// returns Met if more than half are met, and otherwise the outcome of the last that was not.
func (p Plan) repeat(r *Result, step func(Phase, float64) (Outcome, error)) (Outcome, error) {
	worst := Met
	for r.Repeats < p.Repeats {
		outcome, err := step(Repeat, r.Rate)
		if err != nil {
			return worst, err
		}
		r.Repeats++
		if outcome == Met {
			r.Met++
		} else if worst = outcome; 2*(r.Repeats-r.Met) >= p.Repeats {
			return worst, nil
		}
	}
	return Met, nil
}

func (p Plan) verdict(r Result, limit Outcome, err error) Verdict {
	switch {
	case err != nil:
		return ""
	case limit == Inconclusive:
		return Generator
	case r.Rate == 0:
		return NotMet
	case limit == Met:
		return Maximum
	}
	return Found
}

// Round rounds a rate to three digits.
func Round(rate float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 3, 64), 64)
	if err != nil {
		return rate
	}
	return rounded
}

// Confidence returns the confidence of an interval for the median: the probability that the median
// of all possible measurements lies between the lowest and the highest of n independent ones. Each
// is above the median, or below, with probability 1/2; only if all n are on one side, the median is
// not between them. So it is 1 - 2/2ⁿ, whatever the distribution, e.g. 0.9375 for 5.
func Confidence(n int) float64 { return max(0, 1-math.Pow(2, 1-float64(n))) }
