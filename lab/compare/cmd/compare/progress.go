package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"echod/lab/compare/internal/comparison"
)

// progress writes the progress and the remaining time to standard error.
type progress struct {
	out   io.Writer
	start time.Time
	bench comparison.Runner
	total time.Duration // expected
	done  time.Duration // of that
}

func newProgress(b comparison.Runner, cases []comparison.Case) *progress {
	p := &progress{out: os.Stderr, start: time.Now(), bench: b}
	for _, m := range cases {
		p.total += m.Expected(b)
	}
	fmt.Fprintf(p.out, "about %v\n", p.total.Round(time.Second))
	return p
}

// round returns a function that reports each round of m.
func (p *progress) round(m comparison.Case) func(int, comparison.Result) {
	return func(i int, soFar comparison.Result) {
		p.done += m.Expected(p.bench) / time.Duration(m.Rounds)
		fmt.Fprintf(p.out, "%s: round %d of %d: %s; %v left\n", m.Key(), i+1, m.Rounds, last(soFar), p.left(time.Since(p.start)))
	}
}

// left estimates the remaining time: the expected time, corrected by how much longer the
// finished part took.
func (p *progress) left(elapsed time.Duration) time.Duration {
	if p.done == 0 {
		return p.total
	}
	rest := float64(p.total-p.done) * float64(elapsed) / float64(p.done)
	return time.Duration(rest).Round(time.Second)
}

// last formats the results of the last round.
func last(soFar comparison.Result) string {
	var all []string
	for i, e := range soFar.Servers {
		switch {
		case e.Failure != "":
			all = append(all, e.Name+" failed")
		case soFar.Workload.Kind == comparison.Idle:
			bytes := comparison.Memory.Values(e)
			all = append(all, fmt.Sprintf("%s %.0f B", e.Name, bytes[len(bytes)-1]))
		case i > 0:
			ratios := comparison.Throughput.Ratios(e, soFar.Servers[0])
			if len(ratios) > 0 {
				all = append(all, fmt.Sprintf("%s %.2f", e.Name, ratios[len(ratios)-1]))
			}
		}
	}
	return strings.Join(all, ", ")
}
