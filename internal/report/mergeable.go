package report

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"echod/internal/draw"
	"echod/internal/load"
)

// MergeError is returned when two results are not parts of one run.
type MergeError struct {
	A, B string // the names of both
	Why  string
}

func (e *MergeError) Error() string {
	return fmt.Sprintf("%s and %s cannot be merged: %s", e.A, e.B, e.Why)
}

// mergeable reports whether all runs have the same plan, and are different measurements.
func mergeable(runs []Run) error {
	for i, run := range runs {
		if why := differ(runs[0].Result.Plan, run.Result.Plan); why != "" {
			return &MergeError{runs[0].Name, run.Name, why}
		}
		for _, other := range runs[:i] {
			if shared(other.Result, run.Result) {
				return &MergeError{other.Name, run.Name, "both have the same measurement"}
			}
		}
	}
	return nil
}

// common are the fields of plans that must be equal on all machines. Connections, rates and
// messages are shares of the total. Seeds, sources and server_pid may differ.
var common = []struct {
	name string
	of   func(load.Plan) any
}{
	{"url", func(p load.Plan) any { return p.URL }},
	{"threads", func(p load.Plan) any { return p.Threads }},
	{"gso", func(p load.Plan) any { return p.GSO }},
	{"depth", func(p load.Plan) any { return p.Depth }},
	{"sizes", func(p load.Plan) any { return p.Sizes }},
	{"all_addresses", func(p load.Plan) any { return p.AllAddresses }},
	{"churn", func(p load.Plan) any { return p.Churn }},
	{"warmup", func(p load.Plan) any { return p.Warmup }},
	{"duration", func(p load.Plan) any { return p.Duration }},
	{"timeout", func(p load.Plan) any { return p.Timeout }},
	{"socket", func(p load.Plan) any { return p.Socket }},
	{"verify", func(p load.Plan) any { return p.Verify }},
}

// differ returns why two plans cannot be merged, "" if they can.
func differ(a, b load.Plan) string {
	switch {
	case a.Rate.IsZero() != b.Rate.IsZero():
		return "one is an open loop, the other a closed one"
	case !a.Rate.SameTimes(b.Rate):
		return fmt.Sprintf("the stages of %s and %s have different lengths", a.Rate, b.Rate)
	case (a.Messages > 0) != (b.Messages > 0):
		return "one ends after a duration, the other after a number of messages"
	}
	for _, field := range common {
		if v, w := field.of(a), field.of(b); !reflect.DeepEqual(v, w) {
			return fmt.Sprintf("%s is %v in one plan and %v in the other", field.name, v, w)
		}
	}
	return ""
}

// shared reports whether a and b have a part in common.
func shared(a, b *load.Result) bool {
	return slices.ContainsFunc(partsOf(a), func(p load.Part) bool {
		return slices.ContainsFunc(partsOf(b), func(q load.Part) bool { return same(p, q) })
	})
}

// same reports whether two parts are equal in a file.
func same(p, q load.Part) bool {
	a, errA := json.Marshal(p)
	b, errB := json.Marshal(q)
	return errA == nil && errB == nil && string(a) == string(b)
}

// together reports whether there is no gap between the measurements.
func together(runs []Run) error {
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b Run) int { return a.Result.Started.Compare(b.Result.Started) })
	last, end := sorted[0], ended(sorted[0].Result)
	for _, run := range sorted[1:] {
		if begin := run.Result.Started; begin.After(end) {
			return &MergeError{last.Name, run.Name, fmt.Sprintf("one ended %s before the other began, by their clocks",
				draw.Duration(begin.Sub(end)))}
		}
		if ended(run.Result).After(end) {
			last, end = run, ended(run.Result)
		}
	}
	return nil
}

func ended(r *load.Result) time.Time {
	return r.Started.Add(time.Duration(r.Seconds * float64(time.Second)))
}
