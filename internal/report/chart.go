package report

import (
	"fmt"
	"strings"
)

// chart is one picture: lines over two axes. All its places are parts of its
// width and height, so that a browser can draw it at any size.
type chart struct {
	Title string
	Says  string // what it shows, in a sentence
	X, Y  axis
	Lines []line
}

// line is what one run, or one quantile of it, looks like.
type line struct {
	Name   string
	Class  string // its colour and dashes
	Path   string // an SVG path in a square of 1000
	Points []point
}

// point is what can be read off a line at one place.
type point struct {
	X     float64 `json:"x"` // percent of the width
	Y     float64 `json:"y"` // percent of the height, from the top
	Label string  `json:"t"`
}

// sample is a value to be drawn.
type sample struct {
	x, y  float64
	label string
	gap   bool // nothing was measured here
}

// draw adds a line through samples.
func (c *chart) draw(name, class string, samples []sample) {
	l := line{Name: name, Class: class}
	var path strings.Builder
	begun := false
	for i, s := range samples {
		if s.gap {
			begun = false
			continue
		}
		p := point{hundredths(c.X.place(s.x) * 100), hundredths(c.Y.place(s.y) * 100), s.label}
		l.Points = append(l.Points, p)
		command := "L"
		if !begun {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, p.X*10, p.Y*10)
		if !begun && (i+1 == len(samples) || samples[i+1].gap) {
			path.WriteString("h0") // a dot
		}
		begun = true
	}
	l.Path = path.String()
	c.Lines = append(c.Lines, l)
}

// colours is how many there are before dashes tell lines apart.
const colours = 6

// lineClass is what line i of a chart looks like.
func lineClass(i int) string {
	return fmt.Sprintf("line c%d d%d", i%colours, i/colours%3)
}
