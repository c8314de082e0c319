package page

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/draw"
)

// plot is one picture: lines over the time of its window. It is one unit wide for each
// second and 1000 units high. The browser stretches it.
type plot struct {
	Title  string
	Says   string // what it shows, in a sentence, for people who do not see it
	Window window
	Y      draw.Axis
	Lines  []line
	Marks  []timeMark
	Peaks  []timeMark // above the plot: the highest value, if it is above the axis
}

// line is a line of a plot, and its entry in the legend.
type line struct {
	Name   string
	Class  string // its colour, and whether the area below it is filled
	Path   string // "" if it is not drawn
	Area   string
	Unit   draw.Unit
	Values string // for the script: one for each step, empty if not known
	Now    string
	Most   string // its limit; "" if it has none
}

// timeMark is a moment that all plots show.
type timeMark struct {
	At    float64 // percent of the width
	Label string
}

// Right reports whether the label has more room to its right.
func (m timeMark) Right() bool { return m.At < 50 }

// series is the input of a line.
type series struct {
	name   string
	class  string // "" if it is not drawn, and only in the legend
	unit   draw.Unit
	values values
	most   uint64 // its limit; 0 if it has none
}

// plot draws series over one another. The axis has the unit of the first.
func (w window) plot(title string, all ...series) plot {
	var drawn values
	for _, s := range all {
		if s.class != "" {
			drawn = append(drawn, s.values...)
		}
	}
	u := all[0].unit
	p := plot{Title: title, Window: w, Y: upTo(drawn.top(minTop[u]), u)}
	if high := drawn.highest(); high > drawn.top(minTop[u]) {
		ago := float64(span - 1 - slices.Index(drawn, high)%span)
		p.Peaks = []timeMark{{w.place(ago), "up to " + u.Write(high)}}
	}
	var says []string
	for _, s := range all {
		l := line{Name: s.name, Class: s.class, Unit: s.unit, Values: s.values.text(), Now: s.unit.Write(s.values.last())}
		if s.most > 0 {
			l.Most = s.unit.Write(float64(s.most))
		}
		if s.class != "" {
			l.Path, l.Area = lineOf(s.values, p.Y)
		}
		p.Lines = append(p.Lines, l)
		says = append(says, s.name+" "+l.Now+" now, at most "+s.unit.Write(s.values.highest()))
	}
	p.Says = title + " over the last " + w.String() + ": " + strings.Join(says, "; ") + "."
	return p
}

// minTop is the lowest top of an axis, so that a value near 0 looks like one.
var minTop = map[draw.Unit]float64{draw.Number: 4, draw.PerSecond: 4, draw.Bytes: 4 << 10, draw.BytesPerSecond: 4 << 10}

// upTo returns a vertical axis from 0 to at least high, in two to five round steps.
func upTo(high float64, u draw.Unit) draw.Axis {
	high = max(high, minTop[u])
	scale := u.Scale(high)
	step := draw.RoundUp(high/scale.Size/4.5, 1, 2, 5) * scale.Size
	return draw.Linear(high, step, scale.Label).Upward()
}

// top returns the value up to which an axis shows v: the highest one. But if that is more than
// four times as high as nineteen of twenty values that are not 0, and above low, the few higher ones
// are cut off, so that a burst does not hide all others until it has left the plot.
func (v values) top(low float64) float64 {
	high := v.highest()
	some := slices.Clone(v)
	some = slices.DeleteFunc(some, func(f float64) bool { return !(f > 0) }) // also NaN
	if len(some) == 0 {
		return high
	}
	slices.Sort(some)
	if most := 1.25 * some[(len(some)*19+19)/20-1]; high > 4*most && high > low {
		return max(most, low)
	}
	return high
}

// highest returns the highest known value, 0 if none is known.
func (v values) highest() float64 {
	high := 0.0
	for _, f := range v {
		if f > high { // false for NaN
			high = f
		}
	}
	return high
}

// text returns v as the script reads it.
func (v values) text() string {
	var text []byte
	for i, f := range v {
		if i > 0 {
			text = append(text, ' ')
		}
		if !math.IsNaN(f) {
			text = strconv.AppendFloat(text, f, 'f', -1, 64)
		}
	}
	return string(text)
}

// bridged is how many seconds may be unknown before a line is broken. A busy process
// takes its samples a little late.
const bridged = 3

// lineOf returns the line through v and the area below it, as SVG paths.
func lineOf(v values, y draw.Axis) (line, area string) {
	var l, a draw.Path
	var run []draw.Point // without a break
	end := func() {
		l.Line(run)
		a.Area(run, 1000)
		run = nil
	}
	for x, f := range v {
		if math.IsNaN(f) {
			continue
		}
		if n := len(run); n > 0 && x-run[n-1].X > bridged {
			end()
		}
		run = append(run, draw.Point{X: x, Y: int(math.Round(y.Place(f) * 1000))})
	}
	end()
	return l.String(), a.String()
}

// mark returns the mark of a moment, if it is within the window.
func (w window) mark(now, at time.Time, label string) []timeMark {
	seconds := now.Sub(at).Seconds()
	if at.IsZero() || seconds > float64(w.Last()) {
		return nil
	}
	return []timeMark{{w.place(seconds), label}}
}

// bars draws values side by side. Each is ten units wide, in a plot that is 100 units
// high.
func bars(v values) string {
	var path draw.Path
	high := v.highest()
	for i, f := range v {
		if f > 0 { // false for NaN
			path.Box(i*10+1, i*10+9, 100-max(int(math.Round(f/high*100)), 4), 100)
		}
	}
	return path.String()
}
