package report

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// axis places values along one side of a chart, from 0 to 1.
type axis struct {
	place func(float64) float64
	Ticks []tick
}

// tick is a line across a chart and what stands at its end.
type tick struct {
	At    float64 // in percent of the side
	Label string
	Minor bool // left out where there is little room
}

// mark puts a tick at v.
func (a *axis) mark(v float64, label string, minor bool) {
	a.Ticks = append(a.Ticks, tick{hundredths(a.place(v) * 100), label, minor})
}

// upward turns an axis that goes from the top down, as SVG counts, into one that
// goes up.
func (a axis) upward() axis {
	place := a.place
	up := axis{place: func(v float64) float64 { return 1 - place(v) }}
	for _, t := range a.Ticks {
		up.Ticks = append(up.Ticks, tick{100 - t.At, t.Label, t.Minor})
	}
	return up
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// logAxis goes from at most low to at least high in equal ratios, with ticks at
// powers of ten and, where these are few, at twice and five times as much.
func logAxis(low, high float64, label func(float64) string) axis {
	from, to := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	var steps []float64
	for power := from; power <= to; power++ {
		for _, digit := range []float64{1, 2, 5} {
			steps = append(steps, digit*math.Pow10(power))
		}
	}
	// A millionth is for what was rounded on its way.
	first := max(0, slices.IndexFunc(steps, func(v float64) bool { return v > low*(1+1e-6) })-1)
	last := slices.IndexFunc(steps, func(v float64) bool { return v >= high*(1-1e-6) })
	if last == first {
		last++
	}
	steps = steps[first : last+1]
	bottom, ratio := steps[0], math.Log(steps[len(steps)-1]/steps[0])
	a := axis{place: func(v float64) float64 { return min(max(math.Log(v/bottom)/ratio, 0), 1) }}
	for _, v := range steps {
		power := math.Mod(math.Round(math.Log10(v)*1e6)/1e6, 1) == 0
		if power || len(steps) <= 10 {
			a.mark(v, label(v), false)
		}
	}
	return a
}

// linearAxis goes from 0 to at least high, in some four to six round steps.
func linearAxis(high float64, label func(float64) string) axis {
	step := math.Pow10(int(math.Floor(math.Log10(high / 5))))
	for _, digit := range []float64{1, 2, 2.5, 5, 10} {
		if step*digit >= high/5*(1-1e-6) {
			step *= digit
			break
		}
	}
	steps := int(math.Ceil(high/step - 1e-6))
	top := step * float64(steps)
	a := axis{place: func(v float64) float64 { return min(v/top, 1) }}
	for i := range steps + 1 {
		a.mark(step*float64(i), label(step*float64(i)), false)
	}
	return a
}

// timeSteps are what clocks go by, in seconds.
var timeSteps = []float64{0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800}

// timeAxis goes from 0 to length seconds, which are at least one.
func timeAxis(length float64) axis {
	step := length
	for _, s := range timeSteps {
		if length/s <= 8 {
			step = s
			break
		}
	}
	a := axis{place: func(v float64) float64 { return v / length }}
	for i := 0; float64(i)*step <= length; i++ {
		a.mark(float64(i)*step, clock(float64(i)*step), i%2 == 1 && length/step > 5)
	}
	return a
}

// clock writes seconds as people read them off a clock.
func clock(v float64) string {
	return brief(time.Duration(math.Round(v*10)) * (time.Second / 10))
}

// percentileAxis is as long for the slowest tenth as for the slowest tenth of
// that, and so on, up to the slowest of n messages: 1/(1-q), in equal ratios.
func percentileAxis(n int64) axis {
	nines := max(math.Log10(float64(n)), 1)
	a := axis{place: func(q float64) float64 {
		if q >= 1 {
			return 1
		}
		return min(math.Log10(1/(1-q))/nines, 1)
	}}
	a.mark(0, "0 %", false)
	a.mark(0.5, "50 %", true)
	for i := 1; float64(i) <= nines; i++ {
		a.mark(1-math.Pow10(-i), nineText(i), i%2 == 0 && nines > 5)
	}
	return a
}

// nineText is a percentage of so many nines.
func nineText(nines int) string {
	return strconv.FormatFloat(100-math.Pow10(2-nines), 'f', max(nines-2, 0), 64) + " %"
}
