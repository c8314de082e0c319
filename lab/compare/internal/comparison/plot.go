package comparison

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The sizes in the chart, in pixels if it is not scaled.
const (
	labels = 170 // width of the names of workloads
	panel  = 400 // width of one
	gap    = 40
	rowMin = 26
	lane   = 8 // height of each server in a row
	top    = 112
	bottom = 40
)

// The ratios at the ends of the axis. Values outside are drawn at the edge.
const (
	leastRatio = 0.25
	mostRatio  = 4
)

// ticks are the labels of the axis.
var ticks = []float64{0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4}

// colours can be distinguished by colour-blind people. The first nine are those of Okabe and Ito
// (2008).
var colours = []string{"#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#000000", "#999999", "#f0e442", "#882255", "#8c6d31", "#44aa99"}

// WriteSVG draws the ratios to C: throughput on the left, client and server CPU per message on the
// right, a row for each workload. For each server it draws the median as a dot and the
// interval as a line with ends. The axis is logarithmic, so that 2 and 1/2 have the same distance
// from 1.
func (r Report) WriteSVG(w io.Writer) error {
	cases := r.cases()
	p := chart{names: names(cases)}
	p.row = max(rowMin, lane*(len(p.names)+1))
	width, height := labels+2*panel+2*gap, top+p.row*len(cases)+bottom
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height)
	p.add(`<rect width="%d" height="%d" fill="white"/>`, width, height)
	p.legend()
	for i, result := range cases {
		p.add(`<text x="%d" y="%d" text-anchor="end" dominant-baseline="middle">%s</text>`,
			labels-10, p.middle(i), html.EscapeString(result.Workload.String()))
	}
	p.panel(labels, "throughput: more is better", Throughput, cases)
	p.panel(labels+panel+gap, "CPU per message, of client and server: less is better", CPU, cases)
	p.add(`</svg>`)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// chart is an SVG document.
type chart struct {
	b     strings.Builder
	names []string
	row   int // height
}

func (p *chart) add(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// middle returns the y coordinate of the middle of row i.
func (p *chart) middle(i int) int { return top + i*p.row + p.row/2 }

func (p *chart) legend() {
	p.add(`<text x="%d" y="20" font-size="15" font-weight="bold">Ratio to a minimal C loop</text>`, labels)
	for i, name := range p.names {
		x, y := labels+i%4*190, 40+i/4*18
		p.add(`<circle cx="%d" cy="%d" r="4" fill="%s"/>`, x+4, y, p.colour(name))
		p.add(`<text x="%d" y="%d" dominant-baseline="middle">%s</text>`, x+14, y, html.EscapeString(name))
	}
}

func (p *chart) colour(name string) string {
	return colours[slices.Index(p.names, name)%len(colours)]
}

// panel draws one metric with the left edge at x.
func (p *chart) panel(x int, title string, m Metric, cases []Result) {
	floor := top + p.row*len(cases)
	p.add(`<text x="%d" y="%d" font-weight="bold">%s</text>`, x, top-8, title)
	for i := range cases {
		if i%2 == 0 {
			p.add(`<rect x="%d" y="%d" width="%d" height="%d" fill="#f4f4f4"/>`, x, top+i*p.row, panel, p.row)
		}
	}
	for _, ratio := range ticks {
		at, colour := float64(x)+xOffset(ratio), "#dddddd"
		if ratio == 1 {
			colour = "#444444"
		}
		p.add(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/>`, at, at, top, floor, colour)
		p.add(`<text x="%.1f" y="%d" text-anchor="middle">%g</text>`, at, floor+16, ratio)
	}
	for i, result := range cases {
		for _, e := range result.Servers[1:] {
			if c, ok := result.comparison(Versus{e.Name, result.Servers[0].Name}); ok {
				y := p.middle(i) + lane*slices.Index(p.names, e.Name) - lane*(len(p.names)-1)/2
				p.dot(float64(x), y, e.Name, c.interval(m))
			}
		}
	}
}

func (p *chart) dot(x float64, y int, name string, s Interval) {
	colour := p.colour(name)
	p.add(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2"/>`,
		x+xOffset(s.Low), x+xOffset(s.High), y, y, colour)
	for _, end := range []float64{s.Low, s.High} {
		p.add(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/>`, x+xOffset(end), x+xOffset(end), y-3, y+3, colour)
	}
	radius := 3.0
	if isEchod(name) {
		radius = 4.5
	}
	p.add(`<circle cx="%.1f" cy="%d" r="%g" fill="%s"><title>%s %s</title></circle>`,
		x+xOffset(s.Median), y, radius, colour, html.EscapeString(name), s)
}

// xOffset returns the distance of a ratio from the left edge of a panel.
func xOffset(ratio float64) float64 {
	ratio = min(max(ratio, leastRatio), mostRatio)
	return panel * math.Log(ratio/leastRatio) / math.Log(mostRatio/leastRatio)
}
