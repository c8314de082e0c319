package draw

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// linear is an axis from 0 to high without ticks.
func linear(high float64) Axis { return Axis{Place: func(v float64) float64 { return v / high }} }

func TestDarkerCellsHaveALargerPartOfTheirColumn(t *testing.T) {
	h := NewHeat(linear(8), 1e-3, 9e-3, 0.1, 64, 10)
	c := h.Column(0, 1)
	c.Add(2e-3, 1)
	c.Add(4e-3, 999)
	same := h.Column(1, 2) // a thousandth as many messages have the same shade
	same.Add(4e-3, 1)
	h.Column(2, 3).Waiting = true
	h.Column(3, 4) // nothing was due, and nothing from 4 to 5
	gone := h.Column(5, 6)
	gone.Lost, gone.Of = 3, 3
	half := h.Column(6, 8)
	half.Lost, half.Of = 3, 6
	half.Add(2e-3, 3)
	want := HeatPaths{
		// The rows are 900 high, from 10 ms to 1 ms, in twenty steps: 2 ms is above 630, 4 ms above 360.
		Shades:  []string{"M0 585H100V630H0z", "", "", "", "M600 585H800V630H600zM0 315H200V360H0z"},
		Lost:    "M500 900H600V1000H500zM600 950H800V1000H600z",
		AllLost: "M500 0H600V1000H500z",
		Waiting: "M200 960H300V1000H200z",
		Gaps:    "M300 0H400V1000H300zM400 0H500V1000H400z",
	}
	if diff := cmp.Diff(want, h.Paths(800, 1000)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBurstLeavesFastAnswersApart(t *testing.T) {
	h := NewHeat(linear(1), 40e-6, 30, 0.1, 64, 10)
	c := h.Column(0, 1)
	for _, v := range []float64{40e-6, 60e-6, 90e-6, 30} {
		c.Add(v, 1)
	}
	if boxes := strings.Count(strings.Join(h.Paths(1000, 1000).Shades, ""), "M"); boxes != 4 {
		t.Errorf("got %d cells, want one for each of 40 µs, 60 µs, 90 µs and 30 s", boxes)
	}
}

var box = regexp.MustCompile(`M(\d+) (\d+)H(\d+)V(\d+)H(\d+)z`)

// Every cell can be seen, and is in the picture.
func TestHeatMapShowsEveryCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.SampledFrom([]float64{1e-9, 1e-6, 1e-3, 3600}).Draw(t, "low")
		high := low * rapid.SampledFrom([]float64{1, 2, 1e3, 3.6e12}).Draw(t, "more")
		h := NewHeat(linear(10), low, high, 0.1, 64, 10)
		cells := 0
		for i := range rapid.IntRange(0, 5).Draw(t, "columns") {
			// Columns do not touch, so that no two cells are one box.
			c := h.Column(float64(2*i), float64(2*i)+rapid.SampledFrom([]float64{0, 1e-9, 1}).Draw(t, "length"))
			for _, v := range rapid.SliceOfN(rapid.Float64Range(low, high), 0, 9).Draw(t, "values") {
				c.Add(v, rapid.Int64Range(1, 1<<40).Draw(t, "messages"))
			}
			cells += len(c.cells)
		}
		drawn := 0
		for _, path := range h.Paths(10000, 10000).Shades {
			boxes := box.FindAllStringSubmatch(path, -1)
			if rest := box.ReplaceAllString(path, ""); rest != "" {
				t.Fatalf("got more than boxes: %s", rest)
			}
			for _, b := range boxes {
				var n [4]int
				for i := range n {
					n[i], _ = strconv.Atoi(b[i+1])
				}
				left, top, right, bottom := n[0], n[1], n[2], n[3]
				if right-left < 25 || bottom-top < 25 || left < 0 || top < 0 || right > 10000 || bottom > 10000 {
					t.Fatalf("got the box %s", b[0])
				}
			}
			drawn += len(boxes)
		}
		if drawn != cells {
			t.Fatalf("got %d boxes, want %d", drawn, cells)
		}
	})
}
