package report

import (
	"fmt"

	"echod/internal/load"
)

// origin is where a run comes from: what was asked of whom, when, and where.
type origin struct {
	Name     string
	URL      string
	When     string
	Plan     string
	Machines []string
	Warnings []string
}

func originOf(run Run) origin {
	r := run.Result
	o := origin{Name: run.Name, URL: r.Plan.URL, When: when(r), Plan: planWords(r.Plan), Warnings: warnings(r)}
	for _, p := range partsOf(r) {
		words := environmentWords(p.Environment, p.Echod)
		if len(r.Parts) > 0 {
			words += ": " + share(p.Plan)
		}
		o.Machines = append(o.Machines, words)
	}
	if len(r.Parts) == 0 {
		o.Plan += fmt.Sprintf(", seed %d", r.Plan.Seed)
	}
	return o
}

// share is what one of several machines had to do.
func share(p load.Plan) string {
	words := count(p.Conns, "connection", "connections")
	if p.Rate > 0 {
		words += " at " + rate(p.Rate)
	}
	return words + fmt.Sprintf(", seed %d", p.Seed)
}
