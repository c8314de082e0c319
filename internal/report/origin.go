package report

import (
	"fmt"
	"slices"
	"strings"

	"echod/internal/draw"
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
		words += " at " + draw.PerSecond.Write(p.Rate)
	}
	return words + fmt.Sprintf(", seed %d", p.Seed)
}

// planWords are a plan in one line, but for its seed.
func planWords(p load.Plan) string {
	words := []string{count(p.Conns, "connection", "connections"), "size " + p.Sizes.String()}
	if p.Rate > 0 {
		words = append(words, "open loop at "+draw.PerSecond.Write(p.Rate))
	} else {
		words = append(words, fmt.Sprintf("closed loop, depth %d", p.Depth))
	}
	if p.Churn {
		words = append(words, "a connection for each message")
	}
	if p.Messages > 0 {
		words = append(words, count(int(p.Messages), "message", "messages"))
	} else {
		words = append(words, draw.Brief(p.Duration))
	}
	if p.Warmup > 0 {
		words[len(words)-1] += " after " + draw.Brief(p.Warmup) + " of warm-up"
	}
	if !p.Verify {
		words = append(words, "bytes not compared")
	}
	return strings.Join(words, ", ")
}

// environmentWords are where a result was measured, in one line.
func environmentWords(e load.Environment, echod string) string {
	system := strings.Join(strings.Fields(e.OS+" "+e.Kernel+" "+e.Arch), " ")
	cpus := count(e.CPUs, "CPU", "CPUs")
	if e.CPU != "" {
		cpus += " (" + e.CPU + ")"
	}
	words := []string{e.Host, system, cpus, e.Go, "echod " + echod}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", ")
}

// when is when a result was measured, and for how long.
func when(r *load.Result) string {
	return r.Started.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + draw.Seconds.Write(r.Seconds)
}

// warnings are what must be known before a result's figures are believed.
func warnings(r *load.Result) []string {
	var all []string
	if r.Interrupted {
		all = append(all, "interrupted: the plan was not carried out to its end")
	}
	if b := r.Behind; b != nil {
		all = append(all, fmt.Sprintf("behind: target %s, achieved %s, scheduling delay p99 %s: the generator was too slow, and latency includes its delay",
			draw.PerSecond.Write(b.Target), draw.PerSecond.Write(b.Achieved), draw.Duration(b.SchedulingDelay)))
	}
	if w := r.Wrong; w != nil {
		all = append(all, fmt.Sprintf("wrong bytes: connection %d at byte %d: got %s, want %s", w.Conn, w.Offset, w.Got, w.Want))
	}
	return all
}

// count writes n of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return draw.Whole(float64(n)) + " " + many
}
