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
	Bands []band
	Late  string // what the bands are; "" if there are none
	Signs signs
	Bars  []bar    // a histogram below the chart
	Heat  *heatMap // below the lines; nil if there is none
}

// Words returns what the chart shows, for people who do not see it.
func (c chart) Words() string {
	if c.Heat == nil {
		return c.Title
	}
	return c.Heat.Words
}

// line is one run in a chart, or one quantile of a run.
type line struct {
	Name    string
	Class   string // its colour and dashes
	Shape   string // of its markers, a list of points for a polygon; "" if it has none
	Path    string // an SVG path in a square of side units
	Points  []point
	Markers []marker
}

// side is the width and the height of a chart in the units of its paths.
const side = 10000

// point is a value that the page shows under the pointer.
type point struct {
	X     float64 `json:"x"` // percent of the width
	Y     float64 `json:"y"` // percent of the height, from the top
	Label string  `json:"t"`
}

// marker is a sign at a point of a line.
type marker struct {
	X, Y   float64 // as in point
	Hollow bool    // the generator was the limit
	Found  bool    // the highest rate that met the limits
}

// signs says which signs of markers a chart has, for its legend.
type signs struct{ Hollow, Found bool }

// sample is a value of a line.
type sample struct {
	x, y          float64
	label         string
	gap           bool // nothing was measured here
	hollow, found bool // of its marker, if the line has markers
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

// addMarked adds a line with a marker of this shape at each sample, of which none is a gap.
func (c *chart) addMarked(name string, i int, samples []sample) {
	c.add(name, lineClass(i), samples)
	l := &c.Lines[len(c.Lines)-1]
	l.Shape = lineShape(i)
	for n, s := range samples {
		l.Markers = append(l.Markers, marker{l.Points[n].X, l.Points[n].Y, s.hollow, s.found})
		c.Signs.Hollow, c.Signs.Found = c.Signs.Hollow || s.hollow, c.Signs.Found || s.found
	}
}

// colours is how many colours there are, and patterns of dashes.
const colours = 6

// lineClass returns the colour and dashes of line i of a chart. The first 36 lines differ. Six
// neighbours differ even without colours.
func lineClass(i int) string {
	return fmt.Sprintf("line c%d d%d", i%colours, (i+i/colours)%colours)
}

// shapes are polygons around 0, which look equally large.
var shapes = []string{
	"-4.5,-2 -2,-4.5 2,-4.5 4.5,-2 4.5,2 2,4.5 -2,4.5 -4.5,2",
	"-4,-4 4,-4 4,4 -4,4",
	"0,-5 5,4 -5,4",
	"0,-5.5 5.5,0 0,5.5 -5.5,0",
	"0,5 5,-4 -5,-4",
	"-2,-5 2,-5 2,-2 5,-2 5,2 2,2 2,5 -2,5 -2,2 -5,2 -5,-2 -2,-2",
}

// lineShape returns the shape of the markers of line i of a chart.
func lineShape(i int) string { return shapes[i%len(shapes)] }

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

// band is a time in which the generator was behind its schedule.
type band struct{ At, Width float64 } // in percent of the width

// bands adds when the generator of a single run was behind its schedule.
func (c *chart) bands(r *load.Result) {
	times, words := lateTimes(r)
	for _, t := range times {
		at := draw.Hundredths(c.X.Place(t.from) * 100)
		c.Bands = append(c.Bands, band{at, draw.Hundredths(c.X.Place(t.to)*100 - at)})
	}
	c.Late = words
}
