package growth

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"echod/internal/draw"
)

// The picture is as wide as a phone, in units of which one is a pixel there. On a larger screen it
// is larger. It has two columns of panels: a panel has a title, a plot and a legend.
const (
	width  = 390
	margin = 6
	zoom   = 1.5

	panelWidth = 186
	plotLeft   = 33 // the labels of the vertical axis
	plotWidth  = panelWidth - plotLeft - 4
	plotTop    = 15
	plotHeight = 92
	legendTop  = plotTop + plotHeight + 22 // the baseline of its first line
	lineHeight = 10
	rowHeight  = legendTop + lineHeight + 16
	headHeight = 30
	noteWidth  = 40 // letters of a line of the notes
)

// precise is the number of steps of a unit in a plot.
const precise = 10

const style = `.grow{--paper:#fff;--ink:#1b1f24;--faint:#5b6570;--line:#dde1e6;--a:#4a525b;--b:#0b62c4;--c:#12805c;--d:#d1570a;--e:#a3308f}
@media (prefers-color-scheme:dark){.grow{--paper:#14171b;--ink:#e6e9ec;--faint:#a5afb9;--line:#343c45;--a:#c3cad1;--b:#6cb2ff;--c:#4fd1a1;--d:#ff9e5c;--e:#f29ae0}}
.grow{font:8.5px system-ui,"DejaVu Sans",sans-serif}.grow .paper{fill:var(--paper)}.grow text{fill:var(--ink)}
.grow .head{font-size:11px;font-weight:600}.grow .title{font-size:9px;font-weight:600}.grow .faint{fill:var(--faint)}.grow .y{text-anchor:end}.grow .x{text-anchor:middle}
.grow .grid{stroke:var(--line);stroke-width:8;fill:none}.grow .path{fill:none;stroke-width:8}.grow .fit{fill:none;stroke-width:36;stroke-linecap:round;opacity:.35}.grow .mark{stroke:none}
.grow .a{stroke:var(--a);fill:var(--a)}.grow .b{stroke:var(--b);fill:var(--b)}.grow .c{stroke:var(--c);fill:var(--c)}.grow .d{stroke:var(--d);fill:var(--d)}.grow .e{stroke:var(--e);fill:var(--e)}
.grow .path,.grow .fit{fill:none}`

// marks are the marks of the servers around a point, and their classes.
var marks = []struct{ class, path string }{
	{"a", "m-24-7h17v-17h14v17h17v14h-17v17h-14v-17h-17z"}, // a plus
	{"b", "m-20 0a20 20 0 1 0 40 0a20 20 0 1 0-40 0z"},     // a circle
	{"c", "m0-26l26 26l-26 26l-26-26z"},                    // a diamond
	{"d", "m-18-18h36v36h-36z"},                            // a square
	{"e", "m0-24l24 42h-48z"},                              // a triangle
}

// picture is an SVG document.
type picture struct {
	strings.Builder
	x draw.Axis
}

func (p *picture) add(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// text adds a line of text. Its class says which end of it x is.
func (p *picture) text(class string, x, y float64, text string) {
	p.add(`<text class="%s" x="%g" y="%g">%s</text>`, class, draw.Hundredths(x), draw.Hundredths(y), html.EscapeString(text))
}

// WriteSVG draws the charts, and loads nothing.
func (r Report) WriteSVG(w io.Writer) error {
	charts := r.Charts()
	rows := (len(charts) + 2) / 2 // and the notes
	height := headHeight + rows*rowHeight
	p := &picture{x: draw.Log(1, float64(Conns[len(Conns)-1]), 0, draw.Number.Label)}
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" class="grow" width="%g" height="%g" viewBox="0 0 %d %d" role="img" aria-label="%s"><style>%s</style><rect class="paper" width="%d" height="%d"/>`,
		width*zoom, float64(height)*zoom, width, height, html.EscapeString(headline+". The documents beside it have the numbers."), style, width, height)
	p.text("head", margin, 18, headline)
	axes := axes(charts)
	for i, c := range charts {
		p.panel(column(i), headHeight+i/2*rowHeight, c, axes[c.Quantity.Name])
	}
	p.notes(column(len(charts)), headHeight+len(charts)/2*rowHeight)
	p.add(`</svg>`)
	_, err := io.WriteString(w, p.String())
	return err
}

const headline = "Cost against the number of open connections"

// column returns the left side of panel i.
func column(i int) int { return margin + i%2*(width-2*margin-panelWidth) }

// axes returns the vertical axis of each quantity. The charts of a quantity have the same one.
func axes(charts []Chart) map[string]draw.Axis {
	low, high := map[string]float64{}, map[string]float64{}
	label := map[string]func(float64) string{}
	for _, c := range charts {
		q := c.Quantity.Name
		label[q] = c.unit.Label
		for _, l := range c.Lines {
			for _, d := range l.Dots {
				if low[q] == 0 || d.Value < low[q] {
					low[q] = d.Value
				}
				high[q] = max(high[q], d.Value)
			}
		}
	}
	all := map[string]draw.Axis{}
	for q := range label {
		if high[q] > 0 {
			all[q] = draw.Log(low[q], high[q], 0, label[q]).Upward()
		}
	}
	return all
}

// panel draws a chart with its top left corner at a place.
func (p *picture) panel(left, top int, c Chart, y draw.Axis) {
	p.text("title", float64(left), float64(top+8), c.title())
	plotX, plotY := float64(left+plotLeft), float64(top+plotTop)
	var grid draw.Path
	const right, bottom = plotWidth * precise, plotHeight * precise
	for _, tick := range y.Ticks {
		at := tick.At / 100 * plotHeight
		grid.Move(draw.Point{X: 0, Y: int(at * precise)})
		grid.Horizontal(right)
		p.text("faint y", plotX-4, plotY+at+3, tick.Label)
	}
	for _, tick := range p.x.Ticks {
		at := tick.At / 100 * plotWidth
		grid.Move(draw.Point{X: int(at * precise), Y: 0})
		grid.Vertical(bottom)
		p.text("faint x", plotX+at, plotY+plotHeight+10, tick.Label)
	}
	p.add(`<g transform="translate(%g %g)scale(%g)"><path class="grid" d="%s"/>`, plotX, plotY, 1.0/precise, grid.String())
	for i, l := range c.Lines {
		if len(l.Dots) > 0 {
			p.line(l, marks[i].class, marks[i].path, y)
		}
	}
	p.add(`</g>`)
	p.legend(left, top+legendTop, c)
}

// line draws the dots of a server, and the fit below them.
func (p *picture) line(l Line, class, mark string, y draw.Axis) {
	place := func(d Dot) draw.Point {
		return draw.Point{
			X: int(math.Round(p.x.Place(float64(d.Conns)) * plotWidth * precise)),
			Y: int(math.Round(y.Place(d.Value) * plotHeight * precise)),
		}
	}
	var points []draw.Point
	var all strings.Builder
	for _, d := range l.Dots {
		at := place(d)
		points = append(points, at)
		fmt.Fprintf(&all, "M%d %d%s", at.X, at.Y, mark)
	}
	if l.Fitted {
		from, to := place(Dot{l.Fit.From, l.Fit.At(l.Fit.From)}), place(Dot{l.Fit.To, l.Fit.At(l.Fit.To)})
		p.add(`<path class="fit %s" d="M%d %dL%d %d"/>`, class, from.X, from.Y, to.X, to.Y)
	}
	var path draw.Path
	path.Line(points)
	p.add(`<path class="path %s" d="%s"/><path class="mark %s" d="%s"/>`, class, path.String(), class, all.String())
}

// legend names the lines and their exponents, in two rows with the baseline of the first at y.
func (p *picture) legend(left, y int, c Chart) {
	const columns = 3
	x, row := float64(left), 0
	for i, l := range c.Lines {
		if i == columns {
			x, row = float64(left), 1
		}
		text := l.name()
		if l.Fitted {
			text += " " + signed(l.Fit.Exponent)
		}
		at := float64(y + row*lineHeight)
		p.add(`<path class="mark %s" transform="translate(%g %g)scale(%g)" d="M0 0%s"/>`, marks[i].class, x+3, at-3, 1.2/precise, marks[i].path)
		p.text("entry", x+8, at, text)
		x += panelWidth / columns
	}
}

// notes says how to read the picture, in place of a panel.
func (p *picture) notes(left, top int) {
	y := top + 8
	p.text("title", float64(left), float64(y), "How to read it")
	for _, note := range []string{
		"Both axes are logarithmic. The number after a name is the slope of its line: with 1, ten times the connections cost ten times as much; with 0, they cost no more.",
		"It is the least squares fit of the last factor of ten: the broad, pale part of the line.",
		"One active: the others are silent. Each point is a median. The line of select ends at 1,000 connections: 1023 is its highest descriptor.",
	} {
		y += 3
		for line := range strings.Lines(draw.Fold(note, noteWidth, "", "")) {
			y += lineHeight
			p.text("faint", float64(left), float64(y), strings.TrimSpace(line))
		}
	}
}
