package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/load"
)

// Screen is what a person sees of a running load: a block of lines, which is made again each
// second.
type Screen struct {
	plan       load.Plan
	now        load.Progress
	workers    string // how many run, of how many; "": there are none
	sparklines []sparkline
}

// sparkline is one figure of each second so far; NaN where there is none.
type sparkline struct {
	label  string
	of     func(load.Interval) float64
	write  func(float64) string
	worst  func(seconds []float64) float64 // of those that share a bar
	values []float64
}

// NewScreen returns the screen of a plan. Until the first Add it says that bench connects.
func NewScreen(plan load.Plan) *Screen {
	s := &Screen{plan: plan, sparklines: []sparkline{{label: "rate", write: draw.PerSecond.Write, worst: slices.Min[[]float64],
		of: func(in load.Interval) float64 { return orNaN(divide(float64(in.Answered), in.Seconds)) }}}}
	for _, q := range append(quantilesAt(50, 90, 99), maximum) {
		s.sparklines = append(s.sparklines, sparkline{label: q.label, write: draw.Seconds.Write, worst: highest,
			of: func(in load.Interval) float64 {
				if in.Latency.Count() == 0 {
					return math.NaN()
				}
				return in.Latency.Quantile(q.part).Seconds()
			}})
	}
	return s
}

func orNaN(v float64, ok bool) float64 {
	if !ok {
		return math.NaN()
	}
	return v
}

// highest returns the highest of values, which are not negative. NaN counts as 0.
func highest(values []float64) (high float64) {
	for _, v := range values {
		if v > high {
			high = v
		}
	}
	return high
}

// Add adds what has happened since the last call.
func (s *Screen) Add(now load.Progress) {
	conns := s.now.Interval.Conns
	if s.now = now; now.Draining {
		s.now.Interval.Conns = conns
	}
	if now.Warmup || now.Draining {
		return
	}
	for i := range s.sparklines {
		s.sparklines[i].values = append(s.sparklines[i].values, s.sparklines[i].of(now.Interval))
	}
}

// Workers says how many workers run, of how many, if there are some.
func (s *Screen) Workers(running, of int) {
	s.workers = fmt.Sprintf("  %d of %s running", running, count(of, "worker", "workers"))
}

// Lines returns the lines of the screen for this many columns. Lines that are longer have the
// least important at their end.
func (s *Screen) Lines(columns int) []string {
	lines := []string{s.state() + s.workers + "  " + s.plan.URL}
	if len(s.sparklines[0].values) > 0 {
		for _, t := range s.sparklines {
			lines = append(lines, t.line(columns))
		}
		lines = append(lines, s.counts()...)
	}
	return lines
}

// Line returns the screen as one line, without what has been before.
func (s *Screen) Line() string {
	parts := []string{strings.ReplaceAll(s.state()+s.workers, "  ", ", ")}
	if len(s.sparklines[0].values) > 0 {
		for _, t := range s.sparklines {
			parts = append(parts, t.label+" "+t.write(t.values[len(t.values)-1]))
		}
		for _, line := range s.counts() {
			parts = append(parts, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(parts, ", ")
}

// state says what the load is doing, and for how long.
func (s *Screen) state() string {
	now := s.now
	switch {
	case now.Warmup && s.plan.Warmup > 0:
		return "warming up for " + draw.Brief(s.plan.Warmup)
	case now.Warmup:
		return "measuring"
	case now.Draining && now.Total.UnderWay() > 0:
		return fmt.Sprintf("waiting up to %s for %s", draw.Brief(s.plan.Timeout), count(int(now.Total.UnderWay()), "reply", "replies"))
	case now.At == 0:
		return "connecting"
	}
	words := draw.Brief(now.At.Round(time.Second))
	if now.Of > 0 { // 0: a number of messages decides
		words += " of " + draw.Brief(now.Of)
	}
	words += "  " + count(now.Interval.Conns, "connection", "connections")
	if s.plan.Threads > 1 {
		words += " on " + count(s.plan.Threads, "thread", "threads")
	}
	return words
}

// The columns of a screen: labels, numbers, and bars up to maxBars. Where there is room, the
// number that a full bar stands for comes before the bars.
const (
	labelAndNumber = "%-8s %11s"
	toTheBars      = 8 + 1 + 11 + 2
	peak           = "  highest %11s"
	peakColumns    = 2 + 8 + 11
	minBars        = 12
	maxBars        = 60
)

// line returns the last value of t, and a sparkline of all its values.
func (t sparkline) line(columns int) string {
	words := fmt.Sprintf(labelAndNumber, t.label, t.write(t.values[len(t.values)-1]))
	bars := columns - toTheBars
	if bars-peakColumns >= minBars {
		words += fmt.Sprintf(peak, t.write(highest(t.values)))
		bars -= peakColumns
	}
	return words + "  " + draw.Sparkline(t.values, min(max(bars, 1), maxBars), t.worst)
}

// counts returns a line for each count of messages so far.
func (s *Screen) counts() []string {
	all := s.now.Total
	line := func(label string, n int64) string { return fmt.Sprintf(labelAndNumber, label, draw.Whole(float64(n))) }
	due := line("due", all.Due)
	if n := s.plan.Messages; n > 0 {
		due += "  of " + draw.Whole(float64(n))
	}
	lines := []string{due, line("answered", all.Answered)}
	if n := all.Failed.Total(); n > 0 {
		lines = append(lines, line("failed", n)+"  "+classWords(all.Failed))
	}
	if all.Lost > 0 {
		lines = append(lines, line("lost", all.Lost))
	}
	return lines
}

// classWords lists failures by class, the most frequent first.
func classWords(failed load.Classes) string {
	classes := slices.SortedFunc(maps.Keys(failed), func(a, b dial.Class) int {
		return cmp.Or(cmp.Compare(failed[b], failed[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, class := range classes {
		if n := failed[class]; n > 0 {
			words = append(words, string(cmp.Or(class, "other"))+" "+draw.Whole(float64(n)))
		}
	}
	return strings.Join(words, ", ")
}
