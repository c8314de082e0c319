package report

import (
	"slices"
	"strings"
	"time"

	"echod/lab/inject/plan"
	"echod/lab/inject/trial"
)

// Status is the result of a trial in one word.
type Status string

// The values of Status.
const (
	OK        Status = "ok"
	Broke     Status = "broke"     // a promise is broken
	Unsteady  Status = "unsteady"  // a promise about time was broken in one try and not in the next
	Known     Status = "known"     // a promise is broken, and the list of known ones says so
	Runtime   Status = "runtime"   // Go's runtime ended the process; see trial.Observation.ByRuntime
	Unreached Status = "unreached" // the call was not made often enough to fail
	Failed    Status = "failed"    // the trial could not be carried out
)

// Result is one trial.
type Result struct {
	plan.Case
	Status   Status            `json:"status"`
	Findings []trial.Finding   `json:"findings,omitempty"`
	Reason   string            `json:"reason,omitempty"` // of Failed and Known
	Took     time.Duration     `json:"took"`
	Seen     trial.Observation `json:"seen"`
}

// Of makes the result of a trial. Known are findings that were accepted for now.
func Of(c plan.Case, o trial.Observation, err error, known KnownList, took time.Duration) Result {
	r := Result{Case: c, Seen: o, Took: took, Status: OK}
	switch {
	case err != nil:
		r.Status, r.Reason = Failed, err.Error()
		return r
	case o.ByRuntime():
		r.Status = Runtime
		return r
	}
	r.Findings = trial.Judge(o)
	if len(r.Findings) == 0 {
		switch {
		case len(o.Unsteady) > 0:
			r.Status = Unsteady
		case o.Injected == 0:
			r.Status = Unreached
		}
		return r
	}
	r.Status = Broke
	if why, ok := known.Match(c); ok {
		r.Status, r.Reason = Known, why
	}
	return r
}

// Word is what the table says of a result.
func (r Result) Word() string {
	if r.Status != Broke && r.Status != Known {
		return string(r.Status)
	}
	word := map[string]string{
		"P6 lives": "ended", "S1 prefix": "WRONG BYTE", "S2 honest end": "EARLY END", "P1 serves again": "no service",
		"S5 progress": "stuck", "P2 no spin": "spin", "P2 recovers": "spin after", "P3 descriptors": "leak",
		"P5 drains": "no drain", "bounded log": "log flood", "clean start": "start",
	}[r.Findings[0].Promise]
	if len(r.Seen.Crashed) > 0 {
		word = "crash"
	}
	if r.Status == Known {
		word = "(" + word + ")"
	}
	return word
}

// ByWeight returns the results that broke a promise, the worst first.
func ByWeight(all []Result) []Result {
	var broke []Result
	for _, r := range all {
		if len(r.Findings) > 0 {
			broke = append(broke, r)
		}
	}
	slices.SortStableFunc(broke, func(a, b Result) int {
		if d := trial.Weight(a.Findings[0].Promise) - trial.Weight(b.Findings[0].Promise); d != 0 {
			return d
		}
		return strings.Compare(a.Target+a.Call, b.Target+b.Call)
	})
	return broke
}
