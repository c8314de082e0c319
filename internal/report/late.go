package report

import (
	"fmt"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
)

// span is a time within a run, in seconds from its start.
type span struct{ from, to float64 }

func (s span) String() string { return "from " + draw.Clock(s.from) + " to " + draw.Clock(s.to) }

// lateTimes returns when the generator was behind its schedule, and this in words. A run that is
// behind, and whose seconds do not say when, was behind all the time.
func lateTimes(r *load.Result) (times []span, words string) {
	delays := hist.New()
	for _, in := range r.Intervals {
		if !in.Behind() {
			continue
		}
		delays.Add(in.SchedulingDelay)
		end := in.At + in.Seconds
		if n := len(times); n > 0 && times[n-1].to >= in.At-0.01 {
			times[n-1].to = end
		} else {
			times = append(times, span{in.At, end})
		}
	}
	delay := delays.Quantile(0.99)
	if len(times) == 0 {
		if r.Behind == nil {
			return nil, ""
		}
		times, delay = []span{{0, longest([]Run{{Result: r}})}}, r.Behind.SchedulingDelay
	}
	return times, fmt.Sprintf("behind %s: %s. Latency includes this delay", spanWords(times), lateWords(delay))
}

// fewSpans is how many times a sentence names.
const fewSpans = 3

func spanWords(times []span) string {
	var words []string
	for _, t := range times[:min(fewSpans, len(times))] {
		words = append(words, t.String())
	}
	if n := len(times) - fewSpans; n > 0 {
		words = append(words, count(n, "time", "times")+" more")
	}
	return strings.Join(words, ", ")
}

// lateWords says how late the generator was, of the 99th percentile of the scheduling delay.
func lateWords(delay time.Duration) string {
	return fmt.Sprintf("1 in 100 messages was sent %s late or more", draw.Duration(delay))
}
