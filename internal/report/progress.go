package report

import (
	"fmt"
	"strings"
	"time"

	"echod/internal/load"
)

// ProgressLine returns the state of a running load in one line, without its URL.
// Errors is the number of errors so far.
func ProgressLine(plan load.Plan, now load.Progress, errors int64) string {
	if now.Warmup {
		if plan.Warmup > 0 {
			return "warming up for " + brief(plan.Warmup)
		}
		return "measuring"
	}
	words := []string{brief(now.At.Round(time.Second))}
	if now.Of > 0 { // else nobody knows how long it takes
		words[0] += " of " + brief(now.Of)
	}
	second := now.Interval
	words = append(words, rate(float64(second.Messages)/second.Seconds))
	if second.Messages > 0 {
		words = append(words, "p99 "+Duration(second.Latency.Quantile(0.99)))
	}
	words = append(words, fmt.Sprintf("connections %d", second.Conns))
	if errors > 0 {
		words = append(words, fmt.Sprintf("errors %d", errors))
	}
	return strings.Join(words, "  ")
}
