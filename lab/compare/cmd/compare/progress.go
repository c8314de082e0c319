package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"echod/lab/compare/internal/contest"
)

// progress tells on standard error how far a run is, and how much time is left.
type progress struct {
	out   io.Writer
	began time.Time
	bench contest.Bench
	total time.Duration // expected
	done  time.Duration // of that
}

func newProgress(b contest.Bench, matches []contest.Match) *progress {
	p := &progress{out: os.Stderr, began: time.Now(), bench: b}
	for _, m := range matches {
		p.total += m.Expected(b)
	}
	fmt.Fprintf(p.out, "about %v\n", p.total.Round(time.Second))
	return p
}

// round tells of each round of m.
func (p *progress) round(m contest.Match) func(int, contest.Result) {
	return func(i int, sofar contest.Result) {
		p.done += m.Expected(p.bench) / time.Duration(m.Rounds)
		fmt.Fprintf(p.out, "%s: round %d of %d: %s; %v left\n", m.Key(), i+1, m.Rounds, last(sofar), p.left(time.Since(p.began)))
	}
}

// left is how long the rest will take, if it takes as much longer than expected
// as what is done.
func (p *progress) left(elapsed time.Duration) time.Duration {
	if p.done == 0 {
		return p.total
	}
	rest := float64(p.total-p.done) * float64(elapsed) / float64(p.done)
	return time.Duration(rest).Round(time.Second)
}

// last is how everybody stood in the last round.
func last(sofar contest.Result) string {
	var all []string
	for i, e := range sofar.Entries {
		switch {
		case e.Failure != "":
			all = append(all, e.Name+" failed")
		case sofar.Workload.Kind == contest.Idle:
			bytes := contest.Memory.Figures(e)
			all = append(all, fmt.Sprintf("%s %.0f B", e.Name, bytes[len(bytes)-1]))
		case i > 0:
			ratios := contest.Throughput.Ratios(e, sofar.Entries[0])
			if len(ratios) > 0 {
				all = append(all, fmt.Sprintf("%s %.2f", e.Name, ratios[len(ratios)-1]))
			}
		}
	}
	return strings.Join(all, ", ")
}
