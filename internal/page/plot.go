package page

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// plot is one picture: lines over the last ten minutes. It is as wide as there are
// seconds and a thousand high, and the browser stretches it.
type plot struct {
	Title string
	Says  string // what it shows, in a sentence, for those who do not see it
	Y     axis
	X     []tick
	Lines []line
	Marks []mark
}

// line is one of a plot's, and what it says beside its name.
type line struct {
	Name   string
	Class  string // its colour, and whether the area below it is filled
	Path   string // "" where it is not drawn
	Area   string
	Unit   unit
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
	unit   unit
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
	p := plot{Title: title, Y: linear(high, all[0].unit), X: ago}
	var says []string
	for _, t := range all {
		l := line{Name: t.name, Class: t.class, Unit: t.unit, Values: t.values.text(), Now: t.unit.write(t.values.last())}
		if t.most > 0 {
			l.Most = t.unit.write(float64(t.most))
		}
		if t.class != "" {
			l.Path, l.Area = trace(t.values, p.Y)
		}
		p.Lines = append(p.Lines, l)
		says = append(says, t.name+" "+l.Now+" now, at most "+t.unit.write(t.values.highest()))
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

// trace is the line through v and the area below it, as SVG paths.
func trace(v values, y axis) (path, area string) {
	var line, below strings.Builder
	from, lastX, lastY := -1, 0, 0
	end := func() {
		if from < 0 {
			return
		}
		if lastX == from {
			line.WriteString("h0") // a dot
		}
		below.WriteString("V1000H" + strconv.Itoa(from) + "z")
		from = -1
	}
	for x, f := range v {
		if math.IsNaN(f) {
			continue
		}
		if from >= 0 && x-lastX > bridged {
			end()
		}
		at := int(math.Round(y.place(f) * 1000))
		step := "l" + pair(x-lastX, at-lastY)
		if from < 0 {
			from, step = x, "M"+pair(x, at)
		}
		line.WriteString(step)
		below.WriteString(step)
		lastX, lastY = x, at
	}
	end()
	return line.String(), below.String()
}

// pair writes two numbers as tersely as a path can hold them.
func pair(x, y int) string {
	if y < 0 {
		return strconv.Itoa(x) + strconv.Itoa(y)
	}
	return strconv.Itoa(x) + " " + strconv.Itoa(y)
}

// moment marks when something was, if that was within the last ten minutes.
func moment(now, at time.Time, label string) []mark {
	seconds := now.Sub(at).Seconds()
	if at.IsZero() || seconds > span-1 {
		return nil
	}
	return []mark{{math.Round((1-seconds/(span-1))*1e4) / 100, label}}
}

// bars are the values of a series side by side, each ten wide in a plot that is a
// hundred high.
func bars(v values) string {
	var path strings.Builder
	high := v.highest()
	for i, f := range v {
		if f > 0 { // not so if it is not known
			height := max(int(math.Round(f/high*100)), 4)
			path.WriteString("M" + pair(i*10+1, 100) + "v-" + strconv.Itoa(height) + "h8v" + strconv.Itoa(height) + "z")
		}
	}
	return path.String()
}
