package draw

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// labels are the labels of an axis, the minor ones in brackets.
func labels(a Axis) string {
	var all []string
	for _, t := range a.Ticks {
		if t.Minor {
			t.Label = "[" + t.Label + "]"
		}
		all = append(all, t.Label)
	}
	return strings.Join(all, ", ")
}

// fifths is a linear axis as the report has it, quarters one as the live page has it.
func fifths(high float64) Axis {
	return Linear(high, RoundUp(high/5, 1, 2, 2.5, 5), PerSecond.Write)
}

func quarters(high float64, u Unit) Axis {
	scale := u.Scale(high)
	return Linear(high, RoundUp(high/scale.Size/4.5, 1, 2, 5)*scale.Size, scale.Label)
}

func TestTicksHaveRoundNumbers(t *testing.T) {
	tests := []struct {
		name string
		axis Axis
		want string
	}{
		{"some decades", Log(7e-6, 1.83e-3, 10, Seconds.Label), "5 µs, 10 µs, 20 µs, 50 µs, 100 µs, 200 µs, 500 µs, 1 ms, 2 ms"},
		{"many decades", Log(7e-6, 1.83, 10, Seconds.Label), "10 µs, 100 µs, 1 ms, 10 ms, 100 ms, 1 s"},
		{"one value", Log(1e-3, 1e-3, 10, Seconds.Label), "1 ms, 2 ms"},
		{"between two steps", Log(3e-3, 4e-3, 10, Seconds.Label), "2 ms, 5 ms"},
		{"two decades, few ticks", Log(2.3e-4, 31e-3, 0, Seconds.Label), "1 ms, 10 ms"},
		{"five decades, few ticks", Log(2.3e-6, 0.31, 0, Seconds.Label), "10 µs, 100 µs, 1 ms, 10 ms, 100 ms"},
		{"less than a decade, few ticks", Log(2.3e-4, 9e-4, 0, Seconds.Label), "200 µs, 500 µs, 1 ms"},
		{"one value, few ticks", Log(1e-3, 1e-3, 0, Seconds.Label), "1 ms, 2 ms"},
		{"a rate in fifths", fifths(2090), "0/s, 500/s, 1,000/s, 1,500/s, 2,000/s, 2,500/s"},
		{"a round rate in fifths", fifths(1e6), "0/s, 200,000/s, 400,000/s, 600,000/s, 800,000/s, 1,000,000/s"},
		{"a small rate in fifths", fifths(1), "0/s, 0.200/s, 0.400/s, 0.600/s, 0.800/s, 1.00/s"},
		{"a few", quarters(4, Number), "0, 1, 2, 3, 4"},
		{"many", quarters(1234567, Number), "0, 500,000, 1,000,000, 1,500,000"},
		{"a rate", quarters(13210, PerSecond), "0, 5,000/s, 10,000/s, 15,000/s"},
		{"bytes per second", quarters(13.2*(1<<20), BytesPerSecond), "0, 5 MiB/s, 10 MiB/s, 15 MiB/s"},
		{"nearly the next unit", quarters(1000<<10, Bytes), "0, 500 KiB, 1,000 KiB"},
		{"ten seconds", Time(10), "0s, 2s, 4s, 6s, 8s, 10s"},
		{"one second", Time(1), "0s, 200ms, 400ms, 600ms, 800ms, 1s"},
		{"seventy seconds", Time(70), "0s, [10s], 20s, [30s], 40s, [50s], 1m, [1m10s]"},
		{"an hour", Time(3600), "0s, [10m], 20m, [30m], 40m, [50m], 1h"},
		{"three nines", Percentiles(1000), "0 %, [50 %], 90 %, 99 %, 99.9 %"},
		{"a million", Percentiles(2000000), "0 %, [50 %], 90 %, [99 %], 99.9 %, [99.99 %], 99.999 %, [99.9999 %]"},
		{"one message", Percentiles(1), "0 %, [50 %], 90 %"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, labels(test.axis)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAxesContainTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 15).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0, 9).Draw(t, "more"))
		n := rapid.Int64Range(1, 1<<40).Draw(t, "n")
		axes := map[string]Axis{"log": Log(low, high, 10, Seconds.Label), "log, few ticks": Log(low, high, 0, Bytes.Label), "fifths": fifths(high)}
		for _, u := range []Unit{Number, PerSecond, Bytes, BytesPerSecond, Seconds} {
			axes["quarters "+string(u)] = quarters(high, u)
		}
		if length := max(high, 1); length < 1e6 {
			axes["time"] = Time(length)
		}
		for name, a := range axes {
			if start, end := a.Place(low), a.Place(high); !(start >= 0 && start <= end && end <= 1+1e-9) {
				t.Fatalf("%s: %v to %v is at %v to %v", name, low, high, start, end)
			}
		}
		axes["percentiles"] = Percentiles(n)
		for _, q := range []float64{0, 0.5, 1 - 1/float64(n), 1} {
			if place := axes["percentiles"].Place(q); !(place >= 0 && place <= 1) {
				t.Fatalf("percentiles of %d: %v is at %v", n, q, place)
			}
		}
		for name, a := range axes {
			before := -1.0
			for _, tick := range a.Ticks {
				if !(tick.At > before && tick.At <= 100) {
					t.Fatalf("%s from %v to %v: tick %s is at %v, after one at %v", name, low, high, tick.Label, tick.At, before)
				}
				before = tick.At
			}
			if len(a.Ticks) < 2 || len(a.Ticks) > 20 {
				t.Fatalf("%s from %v to %v has %d ticks", name, low, high, len(a.Ticks))
			}
			if up := a.Upward(); up.Place(low) != 1-a.Place(low) || up.Ticks[0].At != Hundredths(100-a.Ticks[0].At) {
				t.Fatalf("%s upward: %v is at %v, want %v", name, low, up.Place(low), 1-a.Place(low))
			}
		}
	})
}

func TestNumbersAreWrittenWithTheirUnit(t *testing.T) {
	tests := []struct {
		write func(float64) string
		v     float64
		want  string
	}{
		{Number.Write, 0, "0"}, {Number.Write, 12345678, "12,345,678"}, {Number.Write, math.NaN(), "–"},
		{Whole, -1234, "-1,234"},
		{PerSecond.Write, 0, "0/s"}, {PerSecond.Write, 0.5, "0.500/s"}, {PerSecond.Write, 12.345, "12.3/s"}, {PerSecond.Write, 99.9, "99.9/s"},
		{PerSecond.Write, 99.96, "100/s"}, {PerSecond.Write, 201234.4, "201,234/s"}, {PerSecond.Write, 1234567, "1,234,567/s"},
		{Bytes.Write, 5, "5 B"}, {Bytes.Write, 64, "64 B"}, {Bytes.Write, 1023, "1,023 B"}, {Bytes.Write, 1024, "1.00 KiB"}, {Bytes.Write, 1 << 33, "8.00 GiB"},
		{BytesPerSecond.Write, 999.6, "1,000 B/s"}, {BytesPerSecond.Write, 123456, "121 KiB/s"}, {BytesPerSecond.Write, 12.34 * (1 << 20), "12.3 MiB/s"},
		{Seconds.Write, 0, "0 ns"}, {Seconds.Write, 1e-9, "1.00 ns"}, {Seconds.Write, 4.5e-8, "45.0 ns"}, {Seconds.Write, 24.1234e-6, "24.1 µs"},
		{Seconds.Write, 999.4e-6, "999 µs"}, {Seconds.Write, 999.7e-6, "1.00 ms"}, {Seconds.Write, 0.00123, "1.23 ms"}, {Seconds.Write, 9.996e-3, "10.0 ms"},
		{Seconds.Write, 83, "83.0 s"}, {Seconds.Write, 3600, "3600 s"}, {Seconds.Write, math.NaN(), "–"},
		{Percent.Write, 0, "0 %"}, {Percent.Write, 12.345, "12.3 %"}, {Percent.Write, 100, "100 %"},
		{Percentage, 0.914, "91.4 %"}, {Percentage, 0.0001, "0.0100 %"}, {Percentage, 0.99999, "100 %"},
		{Seconds.Label, 50e-6, "50 µs"}, {Seconds.Label, 100e-6, "100 µs"}, {Seconds.Label, 2.5e-3, "2.5 ms"}, {Seconds.Label, 1, "1 s"},
		{Clock, 0, "0s"}, {Clock, 90, "1m30s"}, {Clock, 120, "2m"}, {Clock, 3600, "1h"}, {Clock, 0.5, "500ms"},
	}
	for _, test := range tests {
		if got := test.write(test.v); got != test.want {
			t.Errorf("%v: got %s, want %s", test.v, got, test.want)
		}
	}
	if got := Duration(1230 * time.Microsecond); got != "1.23 ms" {
		t.Errorf("got %s, want 1.23 ms", got)
	}
}

func TestPathsAreWrittenBriefly(t *testing.T) {
	line := []Point{{0, 1000}, {1, 500}, {2, 0}, {3, 0}}
	tests := []struct {
		name  string
		build func(*Path)
		want  string
	}{
		{"no points", func(p *Path) { p.Line(nil); p.Area(nil, 1000) }, ""},
		{"a dot", func(p *Path) { p.Line([]Point{{1, 500}}) }, "M1 500h0"},
		{"a line", func(p *Path) { p.Line(line) }, "M0 1000l1-500l1-500l1 0"},
		{"two lines", func(p *Path) { p.Line(line[:2]); p.Line(line[2:]) }, "M0 1000l1-500M2 0l1 0"},
		{"the area below a dot", func(p *Path) { p.Area([]Point{{1, 500}}, 1000) }, "M1 500V1000H1z"},
		{"the area below a line", func(p *Path) { p.Area(line, 1000) }, "M0 1000l1-500l1-500l1 0V1000H0z"},
		{"a box", func(p *Path) { p.Box(1, 2, 30, 40) }, "M1 30H2V40H1z"},
		{"steps", func(p *Path) { p.Move(Point{1, 2}); p.Horizontal(3); p.Vertical(-4) }, "M1 2H3V-4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var p Path
			test.build(&p)
			if got := p.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFoldBreaksLinesBetweenWords(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, "> \n"},
		{"one two", 10, "> one two\n"},
		{"one two three", 10, "> one two\n  three\n"},
		{"one  two\nthree", 10, "> one two\n  three\n"},
		{"a-very-long-word two", 10, "> a-very-long-word\n  two\n"},
		{"one a-very-long-word", 10, "> one\n  a-very-long-word\n"},
		{"µs µs µs", 7, "> µs µs\n  µs\n"},
	}
	for _, tt := range tests {
		want := strings.ReplaceAll(tt.want, "> \n", ">\n")
		if got := Fold(tt.text, tt.width, "> ", "  "); got != want {
			t.Errorf("%q in %d columns: got %q, want %q", tt.text, tt.width, got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	lowest, highest := slices.Min[[]float64], slices.Max[[]float64]
	nan := math.NaN()
	tests := []struct {
		name   string
		values []float64
		width  int
		pick   func([]float64) float64
		want   string
	}{
		{"nothing", nil, 5, highest, ""},
		{"only zeros", []float64{0, 0}, 5, highest, "  "},
		{"from 0 to the highest", []float64{1, 2, 3, 4, 5, 6, 7, 8}, 8, highest, "▁▂▃▄▅▆▇█"},
		{"a value above 0 has a bar", []float64{1e-9, 1e9}, 5, highest, "▁█"},
		{"what is not known has none", []float64{1, nan, 1}, 5, highest, "█ █"},
		{"two share a bar", []float64{8, 1, 4, 2, 1}, 3, highest, "█▄▁"},
		{"the lowest of two", []float64{8, 1, 4, 2, 1}, 3, lowest, "▄█▄"},
		{"one bar", []float64{8, 1, 4}, 1, highest, "█"},
	}
	for _, tt := range tests {
		if got := Sparkline(tt.values, tt.width, tt.pick); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
