package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"echod/internal/load"
)

// planWords are a plan in one line, but for its seed.
func planWords(p load.Plan) string {
	words := []string{count(p.Conns, "connection", "connections"), "size " + p.Sizes.String()}
	if p.Rate > 0 {
		words = append(words, "open loop at "+rate(p.Rate))
	} else {
		words = append(words, fmt.Sprintf("closed loop, depth %d", p.Depth))
	}
	if p.Churn {
		words = append(words, "a connection for each message")
	}
	if p.Messages > 0 {
		words = append(words, count(int(p.Messages), "message", "messages"))
	} else {
		words = append(words, brief(p.Duration))
	}
	if p.Warmup > 0 {
		words[len(words)-1] += " after " + brief(p.Warmup) + " of warm-up"
	}
	if !p.Verify {
		words = append(words, "bytes not compared")
	}
	return strings.Join(words, ", ")
}

// brief writes 1m0s as 1m.
func brief(d time.Duration) string {
	text := d.String()
	text, _ = strings.CutSuffix(text, "m0s")
	if len(text) < len(d.String()) {
		text += "m"
	}
	if short, cut := strings.CutSuffix(text, "h0m"); cut {
		text = short + "h"
	}
	return text
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
	return r.Started.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + seconds(r.Seconds)
}

// warnings are what must be known before a result's figures are believed.
func warnings(r *load.Result) []string {
	var all []string
	if r.Interrupted {
		all = append(all, "interrupted: the plan was not carried out to its end")
	}
	if b := r.Behind; b != nil {
		all = append(all, fmt.Sprintf("behind: target %s, achieved %s, scheduling delay p99 %s: the generator was too slow, and latency includes its delay",
			rate(b.Target), rate(b.Achieved), seconds(b.SchedulingDelay.Seconds())))
	}
	if w := r.Wrong; w != nil {
		all = append(all, fmt.Sprintf("wrong bytes: connection %d at byte %d: got %s, want %s", w.Conn, w.Offset, w.Got, w.Want))
	}
	return all
}
