package report

import (
	"fmt"
	"math"
	"strings"

	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
)

// heatMap is the part of a chart that is a heat map.
type heatMap struct {
	draw.HeatPaths
	Lane    float64 // where the lane begins, in percent of the height
	Words   string  // what it shows, for people who do not see it
	Missing string  // the legend of what was lost; "" if nothing was
}

// heatLane is the height of the lane for what has no answer, as a part of the height.
const heatLane = 0.08

// heatRows is how many rows a heat map has. Each is some pixels high.
const heatRows = 64

// heatColumn is what a heat map shows of an interval of time, which begins at a time and ends at
// another, in seconds.
type heatColumn struct {
	span
	rows    hist.Rows
	median  float64 // seconds
	due     int64
	lost    int64 // failed or lost
	settled int64 // all that have an outcome
}

// waiting reports whether something was due, and nothing has an outcome.
func (c heatColumn) waiting() bool { return c.due > 0 && c.settled == 0 && len(c.rows) == 0 }

// label returns what happened in a column.
func (c heatColumn) label() string {
	text := fmt.Sprintf("%s: median %s of %s", draw.Clock(c.from), draw.Seconds.Write(c.median), draw.Whole(float64(c.rows.Count())))
	if c.lost > 0 {
		text += fmt.Sprintf(", %s without an answer", draw.Whole(float64(c.lost)))
	}
	return text
}

// heatScale returns the shortest and the longest duration of all maps, in seconds; of nothing, a
// millisecond to ten.
func heatScale(maps ...[]heatColumn) (low, high float64) {
	low = math.Inf(1)
	for _, columns := range maps {
		for _, c := range columns {
			if n := len(c.rows); n > 0 {
				low, high = min(low, c.rows[0].To.Seconds()), max(high, c.rows[n-1].To.Seconds())
			}
		}
	}
	if high == 0 {
		return 1e-3, 1e-2
	}
	return low, high
}

// addHeat draws a heat map into c, which has its horizontal axis, and the line of the medians.
// What is the word for its durations, e.g. latency.
func (c *chart) addHeat(what string, columns []heatColumn, low, high float64) {
	h := draw.NewHeat(c.X, low, high, heatLane, heatRows, 10)
	var medians []sample
	for _, of := range columns {
		column := h.Column(of.from, of.to)
		for _, row := range of.rows {
			column.Add(row.To.Seconds(), row.Count)
		}
		column.Lost, column.Of, column.Waiting = of.lost, of.settled, of.waiting()
		s := sample{x: (of.from + of.to) / 2, gap: len(of.rows) == 0}
		if !s.gap {
			s.y, s.label = of.median, of.label()
		}
		medians = append(medians, s)
	}
	c.Y = h.Y
	c.add("median", "line median", medians)
	c.Heat = &heatMap{HeatPaths: h.Paths(side, side), Lane: 100 * (1 - heatLane), Words: heatWords(what, columns)}
}

// heatWords describes a heat map in a sentence.
func heatWords(what string, columns []heatColumn) string {
	var all hist.Rows
	var lost, of int64
	lossy, waiting, empty := 0, 0, 0
	for _, c := range columns {
		all.Add(c.rows)
		lost, of = lost+c.lost, of+c.settled
		switch {
		case c.waiting():
			waiting++
		case c.lost > 0:
			lossy++
		case len(c.rows) == 0:
			empty++
		}
	}
	words := []string{"Heat map of " + what + ": nothing was answered"}
	if n := len(all); n > 0 {
		words[0] = fmt.Sprintf("Heat map of %s: up to %s for half of %s, from %s to %s", what, draw.Duration(all.Quantile(0.5)),
			draw.Whole(float64(all.Count())), draw.Duration(all[0].To), draw.Duration(all[n-1].To))
	}
	parts := func(n int) string { return fmt.Sprintf("%d of %s", n, count(len(columns), "column", "columns")) }
	if lost > 0 {
		words = append(words, fmt.Sprintf("%s of %s without an answer, in %s", draw.Whole(float64(lost)), draw.Whole(float64(of)), parts(lossy)))
	}
	if waiting > 0 {
		words = append(words, "all due, and nothing answered, in "+parts(waiting))
	}
	if empty > 0 {
		words = append(words, "nothing due in "+parts(empty))
	}
	return strings.Join(words, "; ") + "."
}

// heatMaps returns a heat map of each run, all with the same axes, so that they can be compared.
func heatMaps(runs []Run) []chart {
	var all [][]heatColumn
	for _, run := range runs {
		all = append(all, heatColumnsOf(run.Result))
	}
	low, high := heatScale(all...)
	var charts []chart
	for i, run := range runs {
		c := chart{Title: "Heat map of latency", X: draw.Time(longest(runs)),
			Says: "The stronger the colour of a cell, the more of the answers of its time took that long. Messages without an answer are in the lane below; those that were waited for until the timeout are at this time, too."}
		if len(runs) > 1 {
			c.Title += ": " + run.Name
		}
		c.addHeat("latency", all[i], low, high)
		if lost := run.Result.Failed.Total() + run.Result.Lost; lost > 0 {
			c.Heat.Missing = "failed or lost: " + draw.Whole(float64(lost))
		}
		charts = append(charts, c)
	}
	return charts
}

// heatColumnsOf returns a column for each interval of a run.
func heatColumnsOf(r *load.Result) []heatColumn {
	var columns []heatColumn
	for _, in := range r.Intervals {
		c := heatColumn{span: span{in.At, in.At + in.Seconds}, rows: in.Latency.Rows(), due: in.Due,
			lost: in.Failed + in.Lost, settled: in.Answered + in.Failed + in.Lost}
		if len(c.rows) > 0 {
			c.median = in.Latency.Quantile(0.5).Seconds()
		}
		columns = append(columns, c)
	}
	return columns
}
