package report

import (
	"fmt"
	"io"
	"math"
	"slices"

	"echod/internal/draw"
	"echod/internal/search"
)

// WriteFindHTML writes one search, or several in the same chart, as a self-contained page.
func WriteFindHTML(w io.Writer, searches []Search) error {
	p := newPage(titleOfSearches(searches))
	for i, s := range searches {
		o := s.origin()
		steps := pageTable{Title: "Steps", Rows: s.table(), Heading: true}
		if len(searches) == 1 {
			p.Lead = s.Summary
		} else {
			o.Name, o.Headline, steps.Title, steps.Folded = s.Name, s.Summary, "Steps of "+s.Name, true
			p.Swatches = append(p.Swatches, line{Class: lineClass(i), Shape: lineShape(i)})
		}
		p.Origins, p.Below = append(p.Origins, o), append(p.Below, steps)
	}
	if len(searches) > 1 {
		p.Last, p.Warning = true, incomparable(searches)
		p.Above = []pageTable{{Title: "The highest rates", Rows: comparison(searches), Heading: true, Note: comparisonNote(searches)}}
	}
	if picture, ok := knees(searches); ok {
		p.Charts = []chart{picture}
	}
	return pageTemplate.Execute(w, p)
}

func titleOfSearches(searches []Search) string {
	if len(searches) == 1 {
		return searches[0].origin().URL
	}
	return count(len(searches), "search", "searches") + " compared"
}

// table returns the heading and a row for each step. The outcome is third, where a phone shows it.
func (f *Find) table() [][]cell {
	var heading []cell
	for _, name := range stepHeading {
		heading = append(heading, cell{Text: name})
	}
	rows := [][]cell{heading}
	for _, step := range f.Steps {
		rows = append(rows, step.cells())
	}
	for i, row := range rows {
		last := len(row) - 1
		rows[i] = slices.Insert(row[:last:last], 2, row[last])
	}
	return rows
}

// curve is a quantile of latency at each rate of a search.
type curve struct {
	i    int // of its colour, dashes and markers
	name string
	quantile
	places []place
}

// knees returns latency against rate; false if there is nothing to show. One search has several
// quantiles, and several searches have one each.
func knees(searches []Search) (chart, bool) {
	shown, limits := shownOf(searches)
	var curves []curve
	if len(searches) > 1 {
		curves = curvesOf(searches, shown)
	} else if places := searches[0].places(); len(places) > 0 {
		for i, q := range slices.Compact(append(quantilesAt(50), shown, maximum)) {
			curves = append(curves, curve{i, q.label, q, places})
		}
	}
	if len(curves) == 0 {
		return chart{}, false
	}
	c := chart{Title: "Latency by rate", Says: "Each point is one rate, with the messages of all steps at this rate."}
	if len(searches) > 1 {
		c.Title = fmt.Sprintf("Latency by rate: %s", shown.label)
	}
	c.X, c.Y = axes(curves, limits, 10)
	c.Y = c.Y.Upward()
	for _, of := range curves {
		c.addMarked(of.name, of.i, of.samples())
	}
	for _, limit := range limits {
		label := draw.Seconds.Write(limit.Bound)
		c.add(limit.Threshold, "line limit", []sample{{x: 0, y: limit.Bound, label: label}, {x: math.Inf(1), y: limit.Bound, label: label}})
	}
	return c, true
}

// curvesOf returns a curve for each search in which something was measured at a rate.
func curvesOf(searches []Search, q quantile) []curve {
	var curves []curve
	for i, s := range searches {
		if places := s.places(); len(places) > 0 {
			curves = append(curves, curve{i, s.Name, q, places})
		}
	}
	return curves
}

func (c curve) samples() []sample {
	var all []sample
	for _, at := range c.places {
		v := at.latency.Quantile(c.part)
		all = append(all, sample{x: at.rate, y: v.Seconds(), hollow: at.outcome == search.Inconclusive, found: at.found,
			label: draw.PerSecond.Write(at.rate) + ": " + draw.Duration(v) + ", " + string(at.outcome)})
	}
	return all
}
