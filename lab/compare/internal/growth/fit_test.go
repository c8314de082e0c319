package growth

import (
	"math"
	"math/rand/v2"
	"testing"
)

// law returns dots of factor × conns^exponent, each multiplied by e to the power of what noise
// returns.
func law(factor, exponent float64, noise func() float64, conns ...int) []Dot {
	var dots []Dot
	for _, n := range conns {
		dots = append(dots, Dot{n, factor * math.Pow(float64(n), exponent) * math.Exp(noise())})
	}
	return dots
}

func none() float64 { return 0 }

func TestFitFindsTheExponentOfAPowerLaw(t *testing.T) {
	for _, exponent := range []float64{-1, -0.25, 0, 0.5, 1, 2} {
		got, ok := FitLast(law(3e-6, exponent, none, Conns...))
		if !ok || math.Abs(got.Exponent-exponent) > 1e-9 || math.Abs(got.Factor-3e-6) > 1e-12 || got.StdErr > 1e-9 {
			t.Errorf("exponent %v: got %+v, %v", exponent, got, ok)
		}
		if want := 3e-6 * math.Pow(777, exponent); math.Abs(got.At(777)-want) > 1e-9*want {
			t.Errorf("exponent %v: got %v with 777 connections, want %v", exponent, got.At(777), want)
		}
	}
}

// TestStandardErrorIsTheSpreadOfTheExponent fits many lines with the same noise. The standard
// deviation of their exponents is what the fits say of themselves, on average.
func TestStandardErrorIsTheSpreadOfTheExponent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func() float64 { return 0.1 * random.NormFloat64() }
	const lines = 2000
	var spread, claimed float64
	for range lines {
		got, _ := FitLast(law(1, 0.7, noise, 100, 180, 320, 560, 1000))
		spread += (got.Exponent - 0.7) * (got.Exponent - 0.7) / lines
		claimed += got.StdErr * got.StdErr / lines
	}
	if ratio := math.Sqrt(claimed / spread); ratio < 0.93 || ratio > 1.07 {
		t.Errorf("the fits claim %.2f of the spread of the exponent", ratio)
	}
}

func TestOnlyTheLastFactorOfTenIsFitted(t *testing.T) {
	dots := append(law(1, 0, none, 1, 10, 100, 999), law(1, 1, none, 1000, 2000, 5000, 10000)...)
	got, ok := FitLast(dots)
	if !ok || got.From != 1000 || got.To != 10000 || math.Abs(got.Exponent-1) > 1e-9 {
		t.Errorf("got %+v, %v, want the exponent 1 from 1000 to 10000", got, ok)
	}
}

func TestTwoDotsHaveNoFit(t *testing.T) {
	for _, dots := range [][]Dot{nil, law(1, 1, none, 5), law(1, 1, none, 1, 10, 1000, 2000)} {
		if got, ok := FitLast(dots); ok {
			t.Errorf("%v: got %+v, want none", dots, got)
		}
	}
}

func TestExponentsAreWritten(t *testing.T) {
	for want, f := range map[string]Fit{
		"0.98 ± 0.02":  {Exponent: 0.981, StdErr: 0.0151},
		"−0.98 ± 0.10": {Exponent: -0.981, StdErr: 0.1},
		"0.00 ± 0.00":  {Exponent: -0.004, StdErr: 0.001},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
