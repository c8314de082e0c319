package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"echod/internal/load"
	"echod/internal/report"
)

// live tells a person at a terminal, in one line, how a load is doing.
type live struct {
	w      io.Writer // nil: nobody looks
	plan   load.Plan
	errors int64 // so far
}

func newLive(p *Process, plan load.Plan) *live {
	l := &live{plan: plan}
	if isTerminal(p.Stderr) {
		l.w = p.Stderr
	}
	l.say("connecting")
	return l
}

// show says what the last second was like.
func (l *live) show(now load.Progress) { l.say(l.words(now)) }

func (l *live) clear() {
	if l.w != nil {
		fmt.Fprint(l.w, clearLine)
	}
}

func (l *live) say(words string) {
	if l.w != nil {
		fmt.Fprintf(l.w, "%s%s: %s", clearLine, l.plan.URL, words)
	}
}

func (l *live) words(now load.Progress) string {
	if now.Warmup {
		if l.plan.Warmup > 0 {
			return "warming up for " + spanText(l.plan.Warmup)
		}
		return "measuring"
	}
	l.errors += now.Interval.Errors
	second := now.Interval
	words := []string{elapsed(now), report.Rate(float64(second.Messages) / second.Seconds)}
	if second.Messages > 0 {
		words = append(words, "p99 "+report.Duration(second.Latency.Quantile(0.99)))
	}
	words = append(words, fmt.Sprintf("connections %d", second.Conns))
	if l.errors > 0 {
		words = append(words, fmt.Sprintf("errors %d", l.errors))
	}
	return strings.Join(words, "  ")
}

// elapsed is how far the measurement is: 3s of 10s, or 3s if nobody knows how
// long it takes.
func elapsed(now load.Progress) string {
	at := spanText(now.At.Round(time.Second))
	if now.Of == 0 {
		return at
	}
	return at + " of " + spanText(now.Of)
}
