package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/load"
	"echod/internal/search"
)

// WriteFind writes searches as text for people. One is what WriteFindHead, StepLine and
// WriteFindEnd write. Several are compared, without their steps.
func WriteFind(w io.Writer, searches []Search, color bool) error {
	if len(searches) > 1 {
		return writeComparison(w, searches, color)
	}
	f := searches[0].Find
	if err := WriteFindHead(w, f); err != nil {
		return err
	}
	for _, step := range f.Steps {
		if _, err := fmt.Fprintln(w, StepLine(step, color)); err != nil {
			return err
		}
	}
	return WriteFindEnd(w, f, color)
}

// WriteFindHead writes the load of f, where it was measured, and the heading of its steps.
// It takes all of this from the first step.
func WriteFindHead(w io.Writer, f *Find) error {
	var t text
	t.origin(f.origin())
	t.WriteString(stepRow(stepHeading) + "\n")
	_, err := io.WriteString(w, t.String())
	return err
}

// WriteFindEnd writes the result in a sentence, warnings, and latency against rate.
func WriteFindEnd(w io.Writer, f *Find, color bool) error {
	t := text{color: color}
	fmt.Fprintln(&t)
	t.folded(f.Summary, false)
	t.warnings(f.origin())
	if plot := f.plot(); plot != "" {
		t.WriteString("\n" + plot)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// searchWords returns the load of all steps of a search in one line.
func searchWords(p load.Plan, limits []Limit) string {
	words := []string{count(p.Conns, "connection", "connections"), "size " + p.Sizes.String()}
	if p.Churn {
		words = append(words, "a connection for each message")
	}
	if !p.Verify {
		words = append(words, "bytes not compared")
	}
	var all []string
	for _, limit := range limits {
		all = append(all, limit.Threshold)
	}
	return strings.Join(append(words, "the highest rate with "+strings.Join(all, " and ")), ", ")
}

var stepHeading = []string{"step", "rate", "answered", "p50", "p99", "max", "outcome"}

// stepRow aligns the cells of a step.
func stepRow(cells []string) string {
	line := fmt.Sprintf("%-6s  %10s  %8s", cells[0], cells[1], cells[2])
	for _, cell := range cells[3:6] {
		line += fmt.Sprintf("  %7s", cell)
	}
	return strings.TrimRight(line+"  "+cells[6], " ")
}

// StepLine returns a step as one line.
func StepLine(s Step, color bool) string {
	row := s.cells()
	texts := make([]string, len(row))
	for i, cell := range row {
		texts[i] = printable(cell.Text)
	}
	if last := len(row) - 1; color && row[last].Bad {
		texts[last] = red.paint(texts[last])
	}
	return stepRow(texts)
}

// cells returns a step as a row of a table with stepHeading. The rate of the closed loop is the
// one that it had.
func (s Step) cells() []cell {
	r := s.Result
	row := []cell{{Text: string(s.Phase)}, {Text: draw.PerSecond.Write(s.Rate)}, {Text: "-"}}
	if s.Rate == 0 { // a closed loop
		rate, _ := divide(float64(r.AnsweredInTime), r.Seconds)
		row[1].Text = draw.PerSecond.Write(rate)
	}
	if ratio, ok := SuccessRatio(r); ok {
		row[2] = cell{quantileText(ratio), ratio < 1}
	}
	for _, part := range []float64{0.5, 0.99, 1} {
		text := "-"
		if r.Latency.Count() > 0 {
			text = draw.Duration(r.Latency.Quantile(part))
		}
		row = append(row, cell{Text: text})
	}
	return append(row, cell{s.outcome(), s.Outcome != search.Met && s.Outcome != ""})
}

// outcome returns the outcome of a step for people, with the limits that were broken.
func (s Step) outcome() string {
	switch s.Outcome {
	case search.Inconclusive:
		if r := s.Result; r.Behind == nil && r.Failed[dial.Local]+r.ConnectsFailed[dial.Local] > 0 {
			return "local failures"
		}
		return "generator too slow"
	case search.Broken:
		return "broken: " + s.broken()
	}
	return string(s.Outcome)
}

// broken returns the limits of a step that were broken.
func (s Step) broken() string {
	var limits []string
	for _, v := range s.Thresholds {
		if !v.Met {
			limits = append(limits, v.Threshold)
		}
	}
	return strings.Join(limits, ", ")
}

// The size of the chart of a search, in columns and lines.
const (
	plotWidth  = 78
	plotHeight = 15
)

// plot returns latency against rate as a chart of characters with a legend, "" if there is
// nothing to show.
func (f *Find) plot() string {
	places := f.places()
	if len(places) == 0 {
		return ""
	}
	shown, limit := f.limited()
	var limits []Limit
	if limit != nil {
		limits = []Limit{*limit}
	}
	rates, durations := axes([]curve{{quantile: quantilesAt(50)[0], places: places}, {quantile: maximum, places: places}}, limits, 6)
	p := draw.NewPlot(rates, durations, plotWidth, plotHeight)
	legend := []string{"o p50"}
	for _, at := range places {
		p.Point(at.rate, at.latency.Quantile(0.5).Seconds(), 'o')
	}
	for _, mark := range []struct {
		outcome search.Outcome
		sign    rune
		words   string
	}{{search.Met, '*', ", met"}, {search.Broken, 'x', ", broken"}, {search.Inconclusive, '?', ", inconclusive"}} {
		if !slices.ContainsFunc(places, func(at place) bool { return at.outcome == mark.outcome }) {
			continue
		}
		legend = append(legend, string(mark.sign)+" "+shown.label+mark.words)
		for _, at := range places {
			if at.outcome == mark.outcome {
				p.Point(at.rate, at.latency.Quantile(shown.part).Seconds(), mark.sign)
			}
		}
	}
	if limit != nil {
		p.Level(limit.Bound, '-')
		legend = append(legend, "- "+printable(limit.Threshold))
	}
	return p.String() + strings.Join(legend, "   ") + "\n"
}
