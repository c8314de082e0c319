package page

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func labels(a axis) string {
	var all []string
	for _, t := range a.Ticks {
		all = append(all, t.Label)
	}
	return strings.Join(all, ", ")
}

func TestAxesBearRoundNumbers(t *testing.T) {
	tests := []struct {
		name string
		axis axis
		want string
	}{
		{"nothing", linear(0, bytesASecond), "0, 1 KiB/s, 2 KiB/s, 3 KiB/s, 4 KiB/s"},
		{"few things", linear(3, things), "0, 1, 2, 3, 4"},
		{"many things", linear(1234567, things), "0, 500,000, 1,000,000, 1,500,000"},
		{"a rate", linear(13210, thingsASecond), "0, 5,000/s, 10,000/s, 15,000/s"},
		{"bytes", linear(13.2*(1<<20), bytesASecond), "0, 5 MiB/s, 10 MiB/s, 15 MiB/s"},
		{"nearly the next unit", linear(1000<<10, bytes), "0, 500 KiB, 1,000 KiB"},
		{"two decades", logarithmic(2.3e-4, 31e-3, seconds), "1 ms, 10 ms"},
		{"five decades", logarithmic(2.3e-6, 0.31, seconds), "10 µs, 100 µs, 1 ms, 10 ms, 100 ms"},
		{"less than a decade", logarithmic(2.3e-4, 9e-4, seconds), "200 µs, 500 µs, 1 ms"},
		{"one value", logarithmic(1e-3, 1e-3, seconds), "1 ms, 2 ms"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, labels(test.axis)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAxesHoldWhatTheyAreFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 15).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0, 9).Draw(t, "more"))
		for _, u := range []unit{things, thingsASecond, bytes, bytesASecond, seconds} {
			for name, a := range map[string]axis{"linear": linear(high, u), "logarithmic": logarithmic(low, high, u)} {
				if bottom, top := a.place(low), a.place(high); !(top >= 0 && top <= bottom && bottom <= 1) {
					t.Fatalf("%s: from %v to %v is from %v to %v", name, low, high, bottom, top)
				}
				before := 100.01
				for _, tick := range a.Ticks {
					if !(tick.At < before && tick.At >= 0) {
						t.Fatalf("%s from %v to %v: tick %s is at %v, after one at %v", name, low, high, tick.Label, tick.At, before)
					}
					before = tick.At
				}
				if len(a.Ticks) < 2 || len(a.Ticks) > 14 {
					t.Fatalf("%s from %v to %v has %d ticks", name, low, high, len(a.Ticks))
				}
			}
		}
	})
}

func TestNumbersAreWrittenWithTheirUnit(t *testing.T) {
	tests := []struct {
		unit unit
		v    float64
		want string
	}{
		{things, 0, "0"}, {things, 12345678, "12,345,678"},
		{thingsASecond, 0.5, "0.500/s"}, {thingsASecond, 99.9, "99.9/s"}, {thingsASecond, 12345.4, "12,345/s"},
		{bytes, 5, "5 B"}, {bytes, 1023, "1,023 B"}, {bytes, 1024, "1.00 KiB"}, {bytes, 1 << 33, "8.00 GiB"},
		{bytesASecond, 999.6, "1,000 B/s"}, {bytesASecond, 123456, "121 KiB/s"},
		{seconds, 0.00123, "1.23 ms"}, {seconds, 4.5e-8, "45.0 ns"}, {seconds, 83, "83.0 s"},
		{percent, 0, "0 %"}, {percent, 12.345, "12.3 %"}, {percent, 100, "100 %"},
		{seconds, math.NaN(), "–"}, {things, math.NaN(), "–"},
	}
	for _, test := range tests {
		if got := test.unit.write(test.v); got != test.want {
			t.Errorf("%v of %q: got %s, want %s", test.v, test.unit, got, test.want)
		}
	}
	for n, want := range map[int64]string{0: "0 s", 59: "59 s", 60: "1 min", 83: "1 min 23 s", 3600: "1 h", 3661: "1 h 1 min", 90061: "1 d 1 h", 864000: "10 d"} {
		if got := long(n); got != want {
			t.Errorf("%d seconds: got %s, want %s", n, got, want)
		}
	}
}

func TestLinesAreBrokenWhereNothingIsKnown(t *testing.T) {
	none := math.NaN()
	y := axis{place: func(v float64) float64 { return 1 - v/10 }}
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
			path, area := trace(test.v, y)
			if path != test.path || area != test.area {
				t.Errorf("got  %s and %s\nwant %s and %s", path, area, test.path, test.area)
			}
		})
	}
}
