// Package report writes the results of trials for people and for programs.
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
	Broken    Status = "broken"    // a promise is broken
	Unsteady  Status = "unsteady"  // a promise about time is broken in one run and not in the next
	Known     Status = "known"     // a promise is broken, and known.txt lists the case
	Runtime   Status = "runtime"   // the Go runtime ended the process; see trial.Observation.ByRuntime
	Unreached Status = "unreached" // the call was not made often enough to fail
	Failed    Status = "failed"    // the trial failed
)

// Result is the result of one trial.
type Result struct {
	plan.Case
	Status   Status            `json:"status"`
	Findings []trial.Finding   `json:"findings,omitempty"`
	Reason   string            `json:"reason,omitempty"` // of Failed and Known
	Took     time.Duration     `json:"took"`
	Seen     trial.Observation `json:"seen"`
}

// Of returns the result of a trial.
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
	r.Status = Broken
	if why, ok := known.Match(c); ok {
		r.Status, r.Reason = Known, why
	}
	return r
}

// Word returns the result as one or two words for the table.
func (r Result) Word() string {
	if r.Status != Broken && r.Status != Known {
		return string(r.Status)
	}
	word := map[trial.Promise]string{
		trial.Survives: "exit", trial.Unaltered: "WRONG BYTE", trial.HonestEnd: "EARLY END", trial.Serves: "no service",
		trial.Progress: "stuck", trial.NoBusyLoop: "busy loop", trial.Recovers: "busy after", trial.NoLeak: "leak",
		trial.Drains: "no drain", trial.BoundedLog: "log flood", trial.CleanFailure: "bad start",
	}[r.Findings[0].Promise]
	if len(r.Seen.Crashed) > 0 {
		word = "panic"
	}
	if r.Status == Known {
		word = "(" + word + ")"
	}
	return word
}

// BySeverity returns the results with a broken promise, the most serious first.
func BySeverity(all []Result) []Result {
	var broken []Result
	for _, r := range all {
		if len(r.Findings) > 0 {
			broken = append(broken, r)
		}
	}
	slices.SortStableFunc(broken, func(a, b Result) int {
		if d := a.Findings[0].Promise.Severity() - b.Findings[0].Promise.Severity(); d != 0 {
			return d
		}
		return strings.Compare(a.Target+a.Call, b.Target+b.Call)
	})
	return broken
}
