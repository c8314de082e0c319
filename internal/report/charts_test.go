package report

import "testing"

func TestQuantilesAreWrittenInPercent(t *testing.T) {
	for q, want := range map[float64]string{0: "0 %", 0.5: "50 %", 0.9: "90 %", 0.99: "99 %", 0.775: "77.5 %", 0.9990234375: "99.902 %", 0.99999: "99.999 %"} {
		if got := quantileText(q); got != want {
			t.Errorf("%v: got %s, want %s", q, got, want)
		}
	}
}

func TestMultiplesAreWrittenInThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{1: "×1.00", 0.8661: "×0.87", 12.712: "×12.7", 0.00123: "×0.00123"} {
		if got := multiple(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
