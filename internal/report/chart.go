package report

import (
	"fmt"
	"math"

	"echod/internal/draw"
	"echod/internal/load"
)

// chart is one picture: lines over two axes. All places in it are parts of its width
// and height, so that a browser can draw it at any size.
type chart struct {
	Title string
	Says  string // what it shows, in a sentence
	X, Y  draw.Axis
	Lines []line
	Marks []mark
}

// line is one run in a chart, or one quantile of a run.
type line struct {
	Name   string
	Class  string // its colour and dashes
	Path   string // an SVG path in a square of side units
	Points []point
}

// side is the width and the height of a chart in the units of its paths.
const side = 10000

// point is a value that the page shows under the pointer.
type point struct {
	X     float64 `json:"x"` // percent of the width
	Y     float64 `json:"y"` // percent of the height, from the top
	Label string  `json:"t"`
}

// sample is a value of a line.
type sample struct {
	x, y  float64
	label string
	gap   bool // nothing was measured here
}

// add adds a line through samples, broken at each gap.
func (c *chart) add(name, class string, samples []sample) {
	l := line{Name: name, Class: class}
	var path draw.Path
	var run []draw.Point // without a gap
	for _, s := range samples {
		if s.gap {
			path.Line(run)
			run = nil
			continue
		}
		p := point{draw.Hundredths(c.X.Place(s.x) * 100), draw.Hundredths(c.Y.Place(s.y) * 100), s.label}
		l.Points = append(l.Points, p)
		run = append(run, draw.Point{X: int(math.Round(p.X * side / 100)), Y: int(math.Round(p.Y * side / 100))})
	}
	path.Line(run)
	l.Path = path.String()
	c.Lines = append(c.Lines, l)
}

// colours is how many colours there are before lines get dashes.
const colours = 6

// lineClass returns the colour and dashes of line i of a chart.
func lineClass(i int) string {
	return fmt.Sprintf("line c%d d%d", i%colours, i/colours%3)
}

// mark is an event at a time of a single run.
type mark struct {
	At    float64 // in percent of the width
	Label string
	Left  bool // the label is left of the mark
}

// marks adds what happened when in a single run.
func (c *chart) marks(r *load.Result) {
	add := func(at float64, label string) {
		place := draw.Hundredths(c.X.Place(at) * 100)
		c.Marks = append(c.Marks, mark{place, label + " " + draw.Clock(at), place > 60})
	}
	for _, in := range r.Intervals {
		if in.Failed+in.Lost > 0 {
			add(in.At, "first failure")
			break
		}
	}
	switch {
	case r.Wrong != nil:
		add(r.Seconds, "wrong byte")
	case r.Interrupted:
		add(r.Seconds, "interrupted")
	}
}
