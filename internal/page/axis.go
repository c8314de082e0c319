package page

import (
	"math"
	"strconv"
	"strings"
)

// axis places values along the height of a plot, from 0 at its top to 1 at its
// bottom, as SVG counts.
type axis struct {
	place func(float64) float64
	Ticks []tick
}

// tick is a line across a plot and what stands at its end.
type tick struct {
	At    float64 // in percent of the side
	Label string
	Minor bool // left out where there is little room
}

// mark puts a tick at v.
func (a *axis) mark(v float64, label string) {
	a.Ticks = append(a.Ticks, tick{At: math.Round(a.place(v)*1e4) / 100, Label: label})
}

// atLeast is the lowest top of an axis: what is nearly nothing looks like that.
var atLeast = map[unit]float64{things: 4, thingsASecond: 4, bytes: 4 << 10, bytesASecond: 4 << 10}

// linear goes from 0 to at least high, in two to five round steps.
func linear(high float64, u unit) axis {
	high = max(high, atLeast[u])
	s := u.scaleFor(high)
	step := roundUp(high/s.size/4.5) * s.size
	steps := int(math.Ceil(high/step - 1e-9))
	top := step * float64(steps)
	a := axis{place: func(v float64) float64 { return 1 - min(max(v/top, 0), 1) }}
	for i := range steps + 1 {
		a.mark(step*float64(i), s.round(step*float64(i)))
	}
	return a
}

// logarithmic goes from at most low to at least high, which are positive, with
// ticks at the powers of ten, or at 1, 2, 5, 10, 20 … if those are not two.
func logarithmic(low, high float64, u unit) axis {
	bottom, top := roundUp(low), roundUp(high)
	if bottom > low*(1+1e-9) {
		bottom = roundUp(bottom / 2.5)
	}
	if top < bottom*1.5 {
		top = roundUp(bottom * 1.5)
	}
	length := math.Log(top / bottom)
	a := axis{place: func(v float64) float64 { return 1 - min(max(math.Log(v/bottom)/length, 0), 1) }}
	var steps, decades []float64
	for v := bottom; v < top*1.01; v = roundUp(v * 1.5) {
		steps = append(steps, v)
		if math.Abs(math.Log10(v)-math.Round(math.Log10(v))) < 1e-6 {
			decades = append(decades, v)
		}
	}
	if len(decades) > 1 {
		steps = decades
	}
	for _, v := range steps {
		a.mark(v, u.scaleFor(v).round(v))
	}
	return a
}

// roundUp is the next of 1, 2 and 5, and of ten, a hundred … times these.
func roundUp(v float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v))))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= v*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// round writes a round number.
func (s scale) round(v float64) string {
	name := s.name
	if name != "" && !strings.HasPrefix(name, "/") {
		name = " " + name
	}
	switch v /= s.size; {
	case v == 0:
		return "0"
	case v >= 1000:
		return whole(v) + name
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) + name
}

// ago is the axis of time, which all plots share.
var ago = []tick{{0, "−10 min", false}, {20, "−8", true}, {40, "−6", true}, {60, "−4", true}, {80, "−2", true}, {100, "now", false}}
