// Package report tells what a bench measured: a result for people, for programs
// and for a browser; results of several machines added up; several runs side by
// side.
package report

import "echod/internal/load"

// Run is a result of echod bench.
type Run struct {
	Name     string // needed where there are several
	Result   *load.Result
	Verdicts []Verdict // of the thresholds, which are not part of the result
}
