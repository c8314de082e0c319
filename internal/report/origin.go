package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"echod/internal/draw"
	"echod/internal/load"
)

// origin describes a run: the URL, the plan, the time, the machines, and what it shows.
type origin struct {
	Name       string
	URL        string
	When       string
	Plan       string
	Machines   []string
	Headline   string // "": the result is elsewhere
	Conclusion conclusion
	Verdicts   []Verdict
	Warnings   []string
}

func originOf(run Run) origin {
	r := run.Result
	o := origin{Name: run.Name, URL: r.Plan.URL, When: when(r), Plan: planWords(r.Plan),
		Headline: headline(r), Conclusion: conclude(run), Verdicts: run.Verdicts, Warnings: Warnings(r)}
	if words := startWords(r); words != "" {
		o.Machines = append(o.Machines, words)
	}
	for _, p := range partsOf(r) {
		words := environmentWords(p.Environment, p.Echod)
		if p.Worker != "" {
			words = partName(p) + ": " + words
		}
		if len(r.Parts) > 0 {
			words += ": " + share(p.Plan) + clockWords(p.Begun)
		}
		o.Machines = append(o.Machines, words)
	}
	if len(r.Parts) == 0 {
		o.Plan += fmt.Sprintf(", seed %d", r.Plan.Seed)
	}
	return o
}

// share returns the part of the plan that one of several machines had.
func share(p load.Plan) string {
	words := count(p.Conns, "connection", "connections")
	if !p.Rate.IsZero() {
		words += " at " + rateWords(p.Rate)
	}
	return words + fmt.Sprintf(", seed %d", p.Seed)
}

// planWords returns a plan in one line, without its seed.
func planWords(p load.Plan) string {
	words := []string{count(p.Conns, "connection", "connections"), "size " + p.Sizes.String()}
	if !p.Rate.IsZero() {
		words = append(words, "open loop at "+rateWords(p.Rate))
	} else {
		words = append(words, fmt.Sprintf("closed loop, depth %d", p.Depth))
	}
	if p.Threads > 1 {
		words = append(words, count(p.Threads, "thread", "threads"))
	}
	if p.GSO {
		words = append(words, "in trains (GSO)")
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

// rateWords writes a rate for people: 5,000/s, or its stages.
func rateWords(r load.Rate) string {
	if n, ok := r.Constant(); ok {
		return draw.PerSecond.Write(n)
	}
	return r.String()
}

// environmentWords returns the machine and its software in one line.
func environmentWords(e load.Environment, echod string) string {
	system := strings.Join(strings.Fields(e.OS+" "+e.Kernel+" "+e.Arch), " ")
	cpus := count(e.CPUs, "CPU", "CPUs")
	if e.CPU != "" {
		cpus += " (" + e.CPU + ")"
	}
	words := []string{e.Host, system, cpus, e.Go, "echod " + echod}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", ")
}

// when returns when a result was measured, and for how long.
func when(r *load.Result) string { return startOf(r) + ", " + draw.Seconds.Write(r.Seconds) }

// startOf returns when the measurement of a result began.
func startOf(r *load.Result) string { return r.Started.UTC().Format("2006-01-02 15:04:05 UTC") }

// Warnings returns the reasons not to trust the figures of r, one line each.
func Warnings(r *load.Result) []string {
	var all []string
	if r.Interrupted {
		all = append(all, "interrupted: the measurement ended early")
	}
	if b := r.Behind; b != nil {
		late := lateWords(b.SchedulingDelay)
		if b.Few() {
			late = fmt.Sprintf("%s of %s were sent in time, and %s", draw.PerSecond.Write(b.Achieved), draw.PerSecond.Write(b.Target), late)
		}
		all = append(all, "behind: the generator was too slow: "+late+". Latency includes this delay")
	}
	if common := commonTime(r); common < 0.9*longestPart(r) {
		all = append(all, fmt.Sprintf("apart: the parts have %s of %s in common, by their clocks: rates are sums over different times, and latency is of less load than they say",
			draw.Seconds.Write(common), draw.Seconds.Write(longestPart(r))))
	}
	if skew, uncertainty, ok := apart(r); ok && skew > maxSkew {
		all = append(all, fmt.Sprintf("skew: the workers began %s apart (± %s): want less than %s on one network. Until the last began, the load was less than the plan says",
			draw.Duration(skew), draw.Duration(uncertainty), draw.Brief(maxSkew)))
	}
	if w := r.Wrong; w != nil {
		all = append(all, fmt.Sprintf("wrong bytes: connection %d at byte %d: got %s, want %s", w.Conn, w.Offset, w.Got, w.Want))
	}
	return all
}

// commonTime returns for how many seconds all parts of r were measured at the same time.
func commonTime(r *load.Result) float64 {
	begin, end := 0.0, math.Inf(1) // since r.Started
	for _, p := range partsOf(r) {
		at := p.Started.Sub(r.Started).Seconds()
		begin, end = max(begin, at), min(end, at+p.Seconds)
	}
	return max(0, end-begin)
}

// count writes a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return draw.Whole(float64(n)) + " " + many
}
