package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"echod/internal/draw"
	"echod/internal/search"
)

// Search is a search with the name of its file, which is needed where there are several.
type Search struct {
	Name string `json:"name"`
	*Find
}

// shownOf returns the quantile that a chart of searches shows, which is that of the first limit of
// latency, and the limits of this quantile. Without one it is p99.
func shownOf(searches []Search) (shown quantile, limits []Limit) {
	shown = quantilesAt(99)[0]
	for _, s := range searches {
		q, limit := s.limited()
		if limit == nil {
			continue
		}
		if limits == nil {
			shown = q
		}
		if q == shown && !slices.ContainsFunc(limits, func(l Limit) bool { return l.Bound == limit.Bound }) {
			limits = append(limits, *limit)
		}
	}
	return shown, limits
}

// load returns the load of a search and its limits in words, without the seed.
func (f *Find) load() string { return searchWords(f.Steps[0].Result.Plan, f.Limits) }

// incomparable returns a warning if searches have different loads or limits, else "".
func incomparable(searches []Search) string {
	first := searches[0]
	for _, s := range searches[1:] {
		if s.load() != first.load() {
			return fmt.Sprintf("different: %s and %s have different loads or limits, so their rates cannot be compared", first.Name, s.Name)
		}
	}
	return ""
}

// comparison returns a row for each search, after a row of names.
func comparison(searches []Search) [][]cell {
	shown, _ := shownOf(searches)
	rows := [][]cell{{{}, {Text: "highest rate"}, {Text: "limited by"}, {Text: "not met"}, {Text: "repeats"}, {Text: shown.label}, {Text: "interval"}}}
	for _, s := range searches {
		row := []cell{{Text: s.Name}, rateCell(s.Rate), s.limitedBy(), rateCell(s.Above), {Text: "-"}, {Text: "-"}, {Text: "-"}}
		row[1].Bad = s.Rate == 0
		if s.Repeats > 0 {
			row[4].Text = fmt.Sprintf("%d of %d", s.Met, s.Repeats)
		}
		for _, limit := range s.Limits {
			if of := limit.Repeated; of != nil && limit.Figure == shown.label {
				row[5].Text = draw.Seconds.Write(of.Median)
				row[6].Text = draw.Seconds.Write(of.Low) + " to " + draw.Seconds.Write(of.High)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func rateCell(rate float64) cell {
	if rate == 0 {
		return cell{Text: "-"}
	}
	return cell{Text: draw.PerSecond.Write(rate)}
}

// limitedBy returns what was the limit at the lowest rate that was not met.
func (f *Find) limitedBy() cell {
	switch f.Verdict {
	case search.Found, search.NotMet:
		var broken []string
		for _, step := range f.Steps {
			if limits := step.broken(); step.Rate == f.Above && step.Outcome == search.Broken && !slices.Contains(broken, limits) {
				broken = append(broken, limits)
			}
		}
		return cell{Text: strings.TrimSuffix("server: "+strings.Join(broken, ", "), ": ")}
	case search.Generator:
		return cell{Text: "generator", Bad: true}
	case search.Maximum:
		return cell{Text: "--find-max"}
	}
	return cell{Text: "ended early", Bad: true}
}

// comparisonNote explains the columns of the comparison.
func comparisonNote(searches []Search) string {
	shown, _ := shownOf(searches)
	var confidences []string
	for _, s := range searches {
		if c := draw.Percentage(s.Confidence); !slices.Contains(confidences, c) {
			confidences = append(confidences, c)
		}
	}
	return fmt.Sprintf("%s is the median of the repeats of the highest rate. The interval contains that of all possible repeats with %s confidence. "+
		"If the generator was the limit, the server may be faster.", shown.label, strings.Join(confidences, " or "))
}

// writeComparison writes searches side by side: where each was measured, the highest rates, and
// latency against rate.
func writeComparison(w io.Writer, searches []Search, color bool) error {
	t := text{color: color}
	names, before := 0, []string(nil)
	for _, s := range searches {
		names = max(names, utf8.RuneCountInString(printable(s.Name)))
	}
	for i, s := range searches {
		o := s.origin()
		about := append([]string{s.load()}, o.Machines...)
		if i > 0 && !slices.Equal(about, before) {
			t.about(before)
		}
		before = about
		name := printable(s.Name)
		fmt.Fprintln(&t, name+strings.Repeat(" ", names-utf8.RuneCountInString(name))+"  "+printable(o.URL)+"  "+o.When)
	}
	t.about(before)
	fmt.Fprintln(&t)
	t.rows(comparison(searches))
	t.folded(comparisonNote(searches), false)
	var warnings []string
	if words := incomparable(searches); words != "" {
		warnings = append(warnings, words)
	}
	for _, s := range searches {
		for _, words := range s.origin().Warnings {
			warnings = append(warnings, s.Name+": "+words)
		}
	}
	t.warnings(origin{Warnings: warnings})
	if plot := plotOf(searches); plot != "" {
		t.WriteString("\n" + plot)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// about writes the load and the machines of the searches above it.
func (t *text) about(lines []string) {
	for _, line := range lines {
		t.folded(line, false)
	}
}

// plotOf returns latency against rate as a chart of characters with a legend, "" if there is
// nothing to show. Each search has a letter.
func plotOf(searches []Search) string {
	shown, limits := shownOf(searches)
	curves := curvesOf(searches, shown)
	if len(curves) == 0 {
		return ""
	}
	rates, durations := axes(curves, limits, 6)
	p := draw.NewPlot(rates, durations, plotWidth, plotHeight)
	var legend []string
	var hollow, found, shared bool
	for _, c := range curves {
		letter := 'A' + rune(c.i%26)
		legend = append(legend, string(letter)+" "+printable(c.name))
		for _, s := range c.samples() {
			mark := letter
			if s.hollow {
				mark, hollow = unicode.ToLower(letter), true
			}
			shared = p.Join(s.x, s.y, mark, '*') || shared
		}
	}
	for _, c := range curves {
		for _, s := range c.samples() {
			if s.found {
				p.Enclose(s.x, s.y)
				found = true
			}
		}
	}
	for _, limit := range limits {
		p.Level(limit.Bound, '-')
		legend = append(legend, "- "+printable(limit.Threshold))
	}
	words := shown.label + " by rate"
	if found {
		words += "; [A] is the highest rate that met the limits"
	}
	if hollow {
		words += "; a small letter: the generator was the limit, and not the server"
	}
	if shared {
		words += "; * is more than one"
	}
	return p.String() + strings.Join(legend, "   ") + "\n" + draw.Fold(words, textColumns, "", "  ")
}
