package draw

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPlotHasItsPointsOverItsAxes(t *testing.T) {
	p := NewPlot(Log(100, 5000, 4, Number.Label), Log(1e-3, 1, 4, Seconds.Label), 40, 9)
	p.Level(0.1, '-')
	for i, y := range []float64{1e-3, 2e-3, 0.1, 1} {
		p.Point(100*float64(i*i+1), y, '*')
	}
	p.Point(5000, 1, 'x')
	want := `
   1 s |                  *            x
       |
100 ms |-------------*------------------
       |
 10 ms |
       |     *
  1 ms |*
       +--------------------------------
        100             1,000
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), p.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPlotFitsItsSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 100).Draw(t, "width"), rapid.IntRange(1, 30).Draw(t, "height")
		low, high := rapid.Float64Range(1e-9, 1).Draw(t, "low"), rapid.Float64Range(1, 1e9).Draw(t, "high")
		p := NewPlot(Log(low, high, 10, PerSecond.Label), Log(low, high, 10, Seconds.Label), width, height)
		p.Point(rapid.Float64Range(1e-12, 1e12).Draw(t, "x"), rapid.Float64Range(1e-12, 1e12).Draw(t, "y"), '*')
		lines := strings.Split(strings.TrimSuffix(p.String(), "\n"), "\n")
		if len(lines) != max(height, 3) {
			t.Fatalf("got %d lines, want %d", len(lines), height)
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > max(width, p.labels+3) {
				t.Fatalf("got %d columns, want %d: %s", n, width, line)
			}
		}
		if !strings.Contains(p.String(), "*") {
			t.Fatal("the point is missing")
		}
	})
}

func TestPointsThatShareACellAreJoined(t *testing.T) {
	axis := Linear(10, 5, PerSecond.Label)
	p := NewPlot(axis, axis, 27, 5)
	for _, point := range []struct {
		x      float64
		mark   rune
		joined bool
	}{{0, 'A', false}, {5, 'A', false}, {5, 'A', false}, {10, 'A', false}, {10, 'B', true}} {
		if joined := p.Join(point.x, 5, point.mark, '*'); joined != point.joined {
			t.Errorf("%c at %v: got joined %t, want %t", point.mark, point.x, joined, point.joined)
		}
	}
	for _, x := range []float64{0, 5, 10} {
		p.Enclose(x, 5)
	}
	if line, want := strings.Split(p.String(), "\n")[1], " 5/s |A]       [A]       [*"; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
}
