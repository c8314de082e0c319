// Package report tells what a bench measured: a result for people, for programs
// and for a browser; results of several machines added up; several runs side by
// side.
package report

import "echod/internal/load"

// Run is a result and what it is called where there are several.
type Run struct {
	Name   string
	Result *load.Result
}
