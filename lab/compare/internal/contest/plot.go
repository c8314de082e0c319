package contest

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The picture's measures, in its own units: pixels where it is not scaled.
const (
	labels = 130 // room for the workloads' names
	panel  = 400 // width of one
	gap    = 40
	rowMin = 26
	lane   = 8 // between the contenders of a row
	top    = 112
	bottom = 40
)

// The ratios at the ends of the axis. What lies beyond is drawn at the edge.
const (
	leastRatio = 0.25
	mostRatio  = 4
)

// ticks are the ratios that the axis names.
var ticks = []float64{0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4}

// colours are told apart by colour-blind eyes too (Okabe and Ito, 2008).
var colours = []string{"#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#000000", "#999999", "#f0e442"}

// WriteSVG draws the ratios to C: throughput on the left, system CPU per message
// on the right, a row for each workload, and in it for each contender the
// median as a dot and the quartiles as a line. The axis is logarithmic, since
// twice and half are equally far from 1.
func (r Report) WriteSVG(w io.Writer) error {
	matches := r.matches()
	p := picture{names: names(matches)}
	p.row = max(rowMin, lane*(len(p.names)+1))
	width, height := labels+2*panel+2*gap, top+p.row*len(matches)+bottom
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height)
	p.add(`<rect width="%d" height="%d" fill="white"/>`, width, height)
	p.legend()
	for i, result := range matches {
		p.add(`<text x="%d" y="%d" text-anchor="end" dominant-baseline="middle">%s</text>`,
			labels-10, p.middle(i), html.EscapeString(result.Workload.String()))
	}
	p.panel(labels, "throughput: more is better", Throughput, matches)
	p.panel(labels+panel+gap, "system CPU per message: less is better", MachineCPU, matches)
	p.add(`</svg>`)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// picture is an SVG in the making.
type picture struct {
	b     strings.Builder
	names []string
	row   int // height
}

func (p *picture) add(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// middle is where row i has its middle.
func (p *picture) middle(i int) int { return top + i*p.row + p.row/2 }

func (p *picture) legend() {
	p.add(`<text x="%d" y="20" font-size="15" font-weight="bold">Ratio to a minimal C loop</text>`, labels)
	for i, name := range p.names {
		x, y := labels+i%4*190, 40+i/4*18
		p.add(`<circle cx="%d" cy="%d" r="4" fill="%s"/>`, x+4, y, p.colour(name))
		p.add(`<text x="%d" y="%d" dominant-baseline="middle">%s</text>`, x+14, y, html.EscapeString(name))
	}
}

func (p *picture) colour(name string) string {
	return colours[slices.Index(p.names, name)%len(colours)]
}

// panel draws one measure with its left edge at x.
func (p *picture) panel(x int, title string, m Measure, matches []Result) {
	floor := top + p.row*len(matches)
	p.add(`<text x="%d" y="%d" font-weight="bold">%s</text>`, x, top-8, title)
	for i := range matches {
		if i%2 == 0 {
			p.add(`<rect x="%d" y="%d" width="%d" height="%d" fill="#f4f4f4"/>`, x, top+i*p.row, panel, p.row)
		}
	}
	for _, ratio := range ticks {
		at, colour := float64(x)+across(ratio), "#dddddd"
		if ratio == 1 {
			colour = "#444444"
		}
		p.add(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/>`, at, at, top, floor, colour)
		p.add(`<text x="%.1f" y="%d" text-anchor="middle">%g</text>`, at, floor+16, ratio)
	}
	for i, result := range matches {
		for _, e := range result.Entries[1:] {
			if ratios := m.Ratios(e, result.Entries[0]); len(ratios) > 0 && e.Failure == "" {
				y := p.middle(i) + lane*slices.Index(p.names, e.Name) - lane*(len(p.names)-1)/2
				p.dot(float64(x), y, e.Name, SpreadOf(ratios))
			}
		}
	}
}

func (p *picture) dot(x float64, y int, name string, s Spread) {
	colour := p.colour(name)
	p.add(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2"/>`,
		x+across(s.Q1), x+across(s.Q3), y, y, colour)
	radius := 3.0
	if ours(name) {
		radius = 4.5
	}
	p.add(`<circle cx="%.1f" cy="%d" r="%g" fill="%s"><title>%s %s</title></circle>`,
		x+across(s.Median), y, radius, colour, html.EscapeString(name), s)
}

// across is how far from a panel's left edge a ratio lies.
func across(ratio float64) float64 {
	ratio = min(max(ratio, leastRatio), mostRatio)
	return panel * math.Log(ratio/leastRatio) / math.Log(mostRatio/leastRatio)
}
