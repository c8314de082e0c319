package page

import (
	"math"
	"strconv"
	"strings"
	"time"

	"echod/internal/draw"
)

// plot is one picture: lines over the last ten minutes. It is as wide as there are
// seconds and a thousand high, and the browser stretches it.
type plot struct {
	Title string
	Says  string // what it shows, in a sentence, for those who do not see it
	Y     draw.Axis
	X     []draw.Tick
	Lines []line
	Marks []mark
}

// line is one of a plot's, and what it says beside its name.
type line struct {
	Name   string
	Class  string // its colour, and whether the area below it is filled
	Path   string // "" where it is not drawn
	Area   string
	Unit   draw.Unit
	Values string // as the script reads them: one for each step, blank if not known
	Now    string
	Most   string // that it may be; "" if it has no limit
}

// mark is a moment that all plots show.
type mark struct {
	At    float64 // percent of the width
	Label string
}

// told is a series and how it is told. One without a class is not drawn.
type told struct {
	name   string
	class  string
	unit   draw.Unit
	values values
	most   uint64 // that it may be; 0 if it has no limit
}

// over draws series of one unit, that of the first, over one another.
func over(title string, all ...told) plot {
	high := 0.0
	for _, t := range all {
		if t.class != "" {
			high = max(high, t.values.highest())
		}
	}
	p := plot{Title: title, Y: upTo(high, all[0].unit), X: lastTenMinutes}
	var says []string
	for _, t := range all {
		l := line{Name: t.name, Class: t.class, Unit: t.unit, Values: t.values.text(), Now: t.unit.Write(t.values.last())}
		if t.most > 0 {
			l.Most = t.unit.Write(float64(t.most))
		}
		if t.class != "" {
			l.Path, l.Area = trace(t.values, p.Y)
		}
		p.Lines = append(p.Lines, l)
		says = append(says, t.name+" "+l.Now+" now, at most "+t.unit.Write(t.values.highest()))
	}
	p.Says = title + " over the last ten minutes: " + strings.Join(says, "; ") + "."
	return p
}

// highest is the highest that is known, and 0 if none is.
func (v values) highest() float64 {
	high := 0.0
	for _, f := range v {
		if f > high {
			high = f
		}
	}
	return high
}

// text is v as the page's script reads it.
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

// bridged is how many seconds may be unknown before a line is broken: a process
// that is busy samples a little late.
const bridged = 3

// trace returns the line through v and the area below it, as SVG paths.
func trace(v values, y draw.Axis) (line, area string) {
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

// minTop is the lowest top of an axis, so that a value near 0 looks like one.
var minTop = map[draw.Unit]float64{draw.Number: 4, draw.PerSecond: 4, draw.Bytes: 4 << 10, draw.BytesPerSecond: 4 << 10}

// upTo returns a vertical axis from 0 to at least high, in two to five round steps.
func upTo(high float64, u draw.Unit) draw.Axis {
	high = max(high, minTop[u])
	scale := u.Scale(high)
	step := draw.RoundUp(high/scale.Size/4.5, 1, 2, 5) * scale.Size
	return draw.Linear(high, step, scale.Label).Upward()
}

// lastTenMinutes are the ticks of the time axis, which all plots share.
var lastTenMinutes = []draw.Tick{{At: 0, Label: "−10 min"}, {At: 20, Label: "−8", Minor: true}, {At: 40, Label: "−6", Minor: true},
	{At: 60, Label: "−4", Minor: true}, {At: 80, Label: "−2", Minor: true}, {At: 100, Label: "now"}}

// moment marks when something was, if that was within the last ten minutes.
func moment(now, at time.Time, label string) []mark {
	seconds := now.Sub(at).Seconds()
	if at.IsZero() || seconds > span-1 {
		return nil
	}
	return []mark{{draw.Hundredths(100 - 100*seconds/(span-1)), label}}
}

// bars draws the values of a series side by side, each ten wide in a plot that is a
// hundred high.
func bars(v values) string {
	var path draw.Path
	high := v.highest()
	for i, f := range v {
		if f > 0 { // not so if it is not known
			path.Box(i*10+1, i*10+9, 100-max(int(math.Round(f/high*100)), 4), 100)
		}
	}
	return path.String()
}
