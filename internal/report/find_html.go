package report

import (
	"io"
	"slices"

	"echod/internal/draw"
)

// WriteFindHTML writes a search as a self-contained page.
func WriteFindHTML(w io.Writer, f *Find) error {
	o := f.origin()
	p := newPage(o.URL)
	p.Lead, p.Origins = f.Summary, []origin{o}
	p.TableTitle, p.Heading, p.Table = "Steps", true, f.table()
	if knee, ok := f.knee(); ok {
		p.Charts = []chart{knee}
	}
	return pageTemplate.Execute(w, p)
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

// knee returns latency against rate; false if there is nothing to show.
func (f *Find) knee() (chart, bool) {
	places := f.places()
	if len(places) == 0 {
		return chart{}, false
	}
	shown, limit := f.limited()
	c := chart{Title: "Latency by rate", Says: "Each point is one rate, with the messages of all steps at this rate."}
	c.X, c.Y = axes(places, limit, 10)
	c.Y = c.Y.Upward()
	curves := quantilesAt(50)
	for _, q := range []quantile{shown, maximum} {
		if q != curves[len(curves)-1] {
			curves = append(curves, q)
		}
	}
	for i, q := range curves {
		var samples []sample
		for _, at := range places {
			v := at.latency.Quantile(q.part)
			samples = append(samples, sample{x: at.rate, y: v.Seconds(),
				label: draw.PerSecond.Write(at.rate) + ": " + draw.Duration(v) + ", " + string(at.outcome)})
		}
		c.add(q.label, lineClass(i), samples)
	}
	if limit != nil {
		var level []sample
		for _, at := range places {
			level = append(level, sample{x: at.rate, y: limit.Bound, label: draw.Seconds.Write(limit.Bound)})
		}
		c.add(limit.Threshold, lineClass(colours+3), level)
	}
	return c, true
}
