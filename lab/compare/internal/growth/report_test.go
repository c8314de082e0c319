package growth

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"echod/lab/compare/internal/comparison"
)

// sampleReport has all points of a run. A wait of select and poll costs a part for each
// connection, and the active ones share it.
func sampleReport() Report {
	r := Report{
		Date:        time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		Environment: comparison.Environment{Processor: "A & B", Processors: 2, ClientCPU: 1, Kernel: "6.18", Go: "go1.26", CC: "cc"},
		Seed:        1, Tolerance: 0.02, Warmup: 0.05, Seconds: 0.25,
	}
	for i, server := range Servers {
		for _, conns := range Conns {
			if !reaches(server, conns) {
				continue
			}
			for _, active := range actives(conns) {
				fixed := float64(20+3*i)/(1+math.Sqrt(float64(active))) + 6
				wait := 0.0
				if i > 2 {
					wait = 0.2 * float64(conns) / math.Sqrt(float64(active))
				}
				cost := (fixed + wait) * 1e-6
				var p = Point{Server: server, Conns: conns, Active: active}
				for _, part := range []float64{0.97, 1, 1.04} {
					p.Slices = append(p.Slices, comparison.Sample{Seconds: 0.25, Messages: 0.25 / cost / 1.3, ServerSeconds: 0.25 / 1.3 * part})
				}
				r.Points = append(r.Points, p)
			}
			bytes := []float64{8, 66, 3900, 90, 80}[i]
			r.Points = append(r.Points, Point{Server: server, Conns: conns, IdleBytes: []float64{bytes}})
		}
	}
	return r
}

func TestSavedReportIsTheSame(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.json")
	want := sampleReport()
	if err := want.Save(name); err != nil {
		t.Fatal(err)
	}
	got, err := Open(name)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestLinesHaveTheMedianOfEachPoint(t *testing.T) {
	r := Report{Points: []Point{
		{Server: comparison.C, Conns: 100, Active: 1, Slices: []comparison.Sample{
			{Seconds: 1, Messages: 10, ServerSeconds: 5}, {Seconds: 1, Messages: 10, ServerSeconds: 1}, {Seconds: 1, Messages: 10, ServerSeconds: 2}}},
		{Server: comparison.C, Conns: 320, Active: 1, Failure: "gone"},
		{Server: comparison.C, Conns: 3400, IdleBytes: []float64{9, 7}},
		{Server: comparison.C, Conns: 6000, IdleBytes: []float64{-8}}, // has no logarithm
	}}
	for _, tt := range []struct {
		load     Load
		quantity Quantity
		want     []Dot
	}{
		{One, CPU, []Dot{{100, 0.2}}},
		{One, Throughput, []Dot{{100, 10}}},
		{Percent, Throughput, []Dot{{100, 10}}}, // one connection of a hundred
		{All, CPU, nil},
		{Idle, Memory, []Dot{{3400, 8}}},
	} {
		c := r.chart(tt.load, tt.quantity)
		if got := c.line(comparison.C).Dots; !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", c.title(), got, tt.want)
		}
	}
}

func TestEachPointIsMeasuredOnce(t *testing.T) {
	for conns, want := range map[int][]int{1: {1}, 10: {1, 10}, 100: {1, 100}, 320: {1, 3, 320}, 19000: {1, 190, 19000}} {
		if got := actives(conns); !slices.Equal(got, want) {
			t.Errorf("%d connections: got %v, want %v", conns, got, want)
		}
	}
}

func TestTheLineOfSelectEndsBeforeTheOthers(t *testing.T) {
	first := map[int]int{mostSelect: 100, 10700: 1900, many: 1900} // of the last factor of ten
	for _, c := range sampleReport().Charts() {
		for _, l := range c.Lines {
			want := c.most
			if l.Server == comparison.EchodName("select") {
				want = mostSelect
			}
			if got := l.Dots[len(l.Dots)-1].Conns; got != want || l.Fitted && (l.Fit.To != want || l.Fit.From != first[want]) {
				t.Errorf("%s: %s: ends at %d with the fit %+v, want %d", c.title(), l.Server, got, l.Fit, want)
			}
		}
	}
}

func TestFailureIsInTheTables(t *testing.T) {
	r := sampleReport()
	for i, p := range r.Points {
		if p.Server == comparison.C && p.Conns == 19000 {
			r.Points[i] = Point{Server: p.Server, Conns: p.Conns, Active: p.Active, Failure: "the server | ended\na connection"}
		}
	}
	var text strings.Builder
	if err := r.WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| C | 19,000 | 190 | the server / ended a connection |", "| 19,000 | – | 17.5 µs |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in:\n%s", want, &text)
		}
	}
}

func TestRowsHaveAsManyCellsAsTheHead(t *testing.T) {
	var text strings.Builder
	if err := sampleReport().WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	columns := 0
	for line := range strings.Lines(text.String()) {
		got := strings.Count(line, "|")
		if columns > 0 && got > 0 && got != columns {
			t.Errorf("got %d bars, want %d: %s", got, columns, line)
		}
		columns = got
	}
}
