package page

import (
	"math"
	"testing"

	"echod/internal/draw"
)

func TestLowValuesLookLow(t *testing.T) {
	for u, want := range map[draw.Unit]string{draw.BytesPerSecond: "4 KiB/s", draw.Number: "4"} {
		ticks := upTo(0, u).Ticks
		if got := ticks[len(ticks)-1].Label; got != want || len(ticks) != 5 {
			t.Errorf("the axis of nothing ends at %s after %d ticks, want %s after 5", got, len(ticks), want)
		}
	}
	if got := len(upTo(3, draw.Number).Ticks); got != 5 {
		t.Errorf("the axis up to 3 has %d ticks, want 0 to 4", got)
	}
}

func TestLongDurationsAreWrittenInTwoUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 s", 59: "59 s", 60: "1 min", 83: "1 min 23 s", 3600: "1 h", 3661: "1 h 1 min", 90061: "1 d 1 h", 864000: "10 d"} {
		if got := long(n); got != want {
			t.Errorf("%d seconds: got %s, want %s", n, got, want)
		}
	}
}

func TestLinesAreBrokenWhereNothingIsKnown(t *testing.T) {
	none := math.NaN()
	y := draw.Axis{Place: func(v float64) float64 { return 1 - v/10 }}
	tests := []struct {
		name       string
		v          values
		path, area string
	}{
		{"nothing", values{none, none}, "", ""},
		{"a dot", values{none, 5}, "M1 500h0", "M1 500V1000H1z"},
		{"a line", values{0, 5, 10, 10}, "M0 1000l1-500l1-500l1 0", "M0 1000l1-500l1-500l1 0V1000H0z"},
		{"a sample that was late", values{5, none, 5}, "M0 500l2 0", "M0 500l2 0V1000H0z"},
		{"a sleep", values{5, 5, none, none, none, 10, 10}, "M0 500l1 0M5 0l1 0", "M0 500l1 0V1000H0zM5 0l1 0V1000H5z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, area := lineOf(test.v, y)
			if path != test.path || area != test.area {
				t.Errorf("got  %s and %s\nwant %s and %s", path, area, test.path, test.area)
			}
		})
	}
}
