package growth

import (
	"fmt"
	"math"
)

// Dot is a value with a number of connections. Both are positive.
type Dot struct {
	Conns int
	Value float64
}

// Fit is the power law Factor × conns^Exponent that is nearest to some dots: the least squares of
// the logarithms.
type Fit struct {
	Exponent float64
	StdErr   float64 // of the exponent
	Factor   float64
	From, To int // connections of the first and the last dot
}

// leastDots is the number of dots of a fit: two are always on a line, which has no error.
const leastDots = 3

// decade is the part of a line that is fitted: its last factor of ten. The cost of a message
// has a part that does not depend on the connections. There it matters least.
const decade = 10

// FitLast fits the last factor of ten of a line, whose dots are in ascending order. It reports
// false if fewer than three dots are there.
func FitLast(dots []Dot) (Fit, bool) {
	for len(dots) > 0 && dots[0].Conns*decade < dots[len(dots)-1].Conns {
		dots = dots[1:]
	}
	if len(dots) < leastDots {
		return Fit{}, false
	}
	return fit(dots), true
}

// fit fits at least three dots with different numbers of connections.
func fit(dots []Dot) Fit {
	n := float64(len(dots))
	var meanX, meanY float64
	for _, d := range dots {
		meanX += math.Log(float64(d.Conns)) / n
		meanY += math.Log(d.Value) / n
	}
	var xx, xy float64
	for _, d := range dots {
		x := math.Log(float64(d.Conns)) - meanX
		xx += x * x
		xy += x * (math.Log(d.Value) - meanY)
	}
	slope := xy / xx
	var residuals float64
	for _, d := range dots {
		r := math.Log(d.Value) - meanY - slope*(math.Log(float64(d.Conns))-meanX)
		residuals += r * r
	}
	return Fit{
		Exponent: slope,
		StdErr:   math.Sqrt(residuals / (n - 2) / xx),
		Factor:   math.Exp(meanY - slope*meanX),
		From:     dots[0].Conns,
		To:       dots[len(dots)-1].Conns,
	}
}

// At returns the value of the fit with this number of connections.
func (f Fit) At(conns int) float64 { return f.Factor * math.Pow(float64(conns), f.Exponent) }

// String returns the exponent with its standard error, e.g. 0.98 ± 0.02.
func (f Fit) String() string { return fmt.Sprintf("%s ± %.2f", signed(f.Exponent), f.StdErr) }

// signed writes two decimals, with a minus sign and not a hyphen. Zero has no sign.
func signed(v float64) string {
	v = math.Round(v*100) / 100
	if v < 0 {
		return fmt.Sprintf("−%.2f", -v)
	}
	return fmt.Sprintf("%.2f", math.Abs(v))
}
