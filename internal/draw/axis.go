package draw

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Axis maps values to places along one side of a chart, from 0 at its start to 1 at
// its end.
type Axis struct {
	Place func(float64) float64
	Ticks []Tick
}

// Tick is a grid line across a chart and the label at its end.
type Tick struct {
	At    float64 // in percent of the side
	Label string
	Minor bool // not shown where there is little room
}

// mark adds a tick at v.
func (a *Axis) mark(v float64, label string, minor bool) {
	a.Ticks = append(a.Ticks, Tick{Hundredths(a.Place(v) * 100), label, minor})
}

// Upward returns a vertical axis that has its start at the bottom. SVG counts from the
// top.
func (a Axis) Upward() Axis {
	up := Axis{Place: func(v float64) float64 { return 1 - a.Place(v) }}
	for _, t := range a.Ticks {
		up.Ticks = append(up.Ticks, Tick{Hundredths(100 - t.At), t.Label, t.Minor})
	}
	return up
}

// Hundredths rounds v to two decimals.
func Hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// almost allows for what floating point numbers lost.
const almost = 1e-6

// RoundUp returns the lowest round number that is at least v. A round number is one
// of the digits, which are ascending and begin with 1, times a power of ten.
func RoundUp(v float64, digits ...float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v))))
	for _, digit := range digits {
		if digit*power >= v*(1-almost) {
			return digit * power
		}
	}
	return 10 * power
}

// Linear returns an axis from 0 to the first multiple of step that is at least high,
// with a tick at each multiple.
func Linear(high, step float64, label func(float64) string) Axis {
	steps := int(math.Ceil(high/step - almost))
	top := step * float64(steps)
	a := Axis{Place: func(v float64) float64 { return min(max(v/top, 0), 1) }}
	for i := range steps + 1 {
		a.mark(step*float64(i), label(step*float64(i)), false)
	}
	return a
}

// Log returns a logarithmic axis that contains low and high, which are positive. It
// starts and ends at 1, 2 or 5 times a power of ten. All these numbers have a tick if they
// are not more than most, or if fewer than two of them are powers of ten. Otherwise only
// the powers of ten have one.
func Log(low, high float64, most int, label func(float64) string) Axis {
	from, to := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	var steps []float64
	for power := from; power <= to; power++ {
		for _, digit := range []float64{1, 2, 5} {
			steps = append(steps, digit*math.Pow10(power))
		}
	}
	first := max(0, slices.IndexFunc(steps, func(v float64) bool { return v > low*(1+almost) })-1)
	last := slices.IndexFunc(steps, func(v float64) bool { return v >= high*(1-almost) })
	if last == first {
		last++
	}
	steps = steps[first : last+1]
	var powers []float64
	for _, v := range steps {
		if math.Abs(math.Log10(v)-math.Round(math.Log10(v))) < almost {
			powers = append(powers, v)
		}
	}
	bottom, length := steps[0], math.Log(steps[len(steps)-1]/steps[0])
	a := Axis{Place: func(v float64) float64 { return min(max(math.Log(v/bottom)/length, 0), 1) }}
	if len(steps) > most && len(powers) > 1 {
		steps = powers
	}
	for _, v := range steps {
		a.mark(v, label(v), false)
	}
	return a
}

// timeSteps are the round steps of a time axis, in seconds.
var timeSteps = []float64{0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800}

// Time returns an axis from 0 to length seconds, which is at least 1.
func Time(length float64) Axis {
	step := length
	for _, s := range timeSteps {
		if length/s <= 8 {
			step = s
			break
		}
	}
	a := Axis{Place: func(v float64) float64 { return v / length }}
	for i := 0; float64(i)*step <= length; i++ {
		a.mark(float64(i)*step, Clock(float64(i)*step), i%2 == 1 && length/step > 5)
	}
	return a
}

// Clock writes seconds to the tenth, e.g. 1m30s.
func Clock(v float64) string {
	return Brief(time.Duration(math.Round(v*10)) * (time.Second / 10))
}

// Percentiles returns an axis of quantiles from 0 to the slowest of n values. It is
// logarithmic in 1/(1-q): the slowest tenth is as long as the slowest hundredth, and
// so on.
func Percentiles(n int64) Axis {
	nines := max(math.Log10(float64(n)), 1)
	a := Axis{Place: func(q float64) float64 {
		if q >= 1 {
			return 1
		}
		return min(math.Log10(1/(1-q))/nines, 1)
	}}
	a.mark(0, "0 %", false)
	a.mark(0.5, "50 %", true)
	for i := 1; float64(i) <= nines; i++ {
		label := strconv.FormatFloat(100-math.Pow10(2-i), 'f', max(i-2, 0), 64) + " %"
		a.mark(1-math.Pow10(-i), label, i%2 == 0 && nines > 5)
	}
	return a
}
