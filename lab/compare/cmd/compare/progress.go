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
	out    io.Writer
	runner comparison.Runner
	left   time.Duration // of the cases that are not finished, as expected
	last   time.Time     // when a line was written
}

func newProgress(r comparison.Runner, cases []comparison.Case) *progress {
	p := &progress{out: os.Stderr, runner: r}
	for _, m := range cases {
		p.left += r.Expected(m)
	}
	fmt.Fprintf(p.out, "about %v\n", p.left.Round(time.Second))
	return p
}

// round returns a function that reports a round of m every few seconds.
func (p *progress) round(m comparison.Case) func(int, comparison.Result) {
	p.last = time.Now()
	return func(i int, soFar comparison.Result) {
		if time.Since(p.last) < 5*time.Second {
			return
		}
		p.last = time.Now()
		text := summary(soFar)
		if soFar.Latency != nil {
			text = soFar.Latency.String()
		}
		fmt.Fprintf(p.out, "%s: round %d: %s\n", m.Key(), i+1, text)
	}
}

// finished reports the result of a case.
func (p *progress) finished(m comparison.Case, result comparison.Result) {
	p.left -= p.runner.Expected(m)
	fmt.Fprintf(p.out, "%s: %s", m.Key(), summary(result))
	if why := result.CannotTell(); why != "" {
		fmt.Fprintf(p.out, "; no verdict: %s", why)
	}
	if result.Latency != nil {
		fmt.Fprintf(p.out, "; %s", result.Latency)
	}
	fmt.Fprintf(p.out, "; about %v left\n", p.left.Round(time.Second))
}

// summary formats the results until now.
func summary(soFar comparison.Result) string {
	var all []string
	for _, e := range soFar.Servers {
		switch {
		case e.Failure != "":
			all = append(all, e.Name+" failed")
		case len(e.IdleBytes) > 0:
			all = append(all, fmt.Sprintf("%s %.0f B", e.Name, e.IdleBytes[len(e.IdleBytes)-1]))
		}
	}
	for _, c := range soFar.Comparisons {
		if c.Base == soFar.Servers[0].Name || c.Base == comparison.BuildB {
			all = append(all, fmt.Sprintf("%s/%s %s", c.Server, c.Base, c.Throughput))
		}
	}
	if soFar.Tried > 0 {
		all = append(all, fmt.Sprintf("%d of %d slices thrown away", soFar.Discards(), soFar.Tried))
	}
	return strings.Join(all, ", ")
}
