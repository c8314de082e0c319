package duel

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// tools compiles the C programs for a test.
func tools(t *testing.T) Tools {
	t.Helper()
	for _, program := range []string{"cc", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the yardstick needs %s: %v", program, err)
		}
	}
	if runtime.NumCPU() < 2 {
		t.Skip("a duel needs two processors")
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	built, err := BuildTools(t.Context(), filepath.Join("..", ".."), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestYardstickMeetsItselfUnderEveryWorkload(t *testing.T) {
	built := tools(t)
	b := Bench{Load: built.Load, ServerCPU: 0, ClientCPU: 1, Warmup: 10 * time.Millisecond, Measure: 50 * time.Millisecond}
	var report Report
	for _, w := range append(Small(), Further()...) {
		var seen int
		res, err := b.Duel(t.Context(), CYardstick(built), CYardstick(built), w, 1, func(int, Round) { seen++ })
		if err != nil {
			t.Fatal(err)
		}
		if seen != 1 || len(res.Rounds) != 1 {
			t.Errorf("%s: got %d rounds, %d told, want 1 and 1", w, len(res.Rounds), seen)
		}
		for _, s := range slices.Concat(res.Rounds[0].Base[:], res.Rounds[0].Rival[:]) {
			if s.Messages <= 0 || s.Seconds < b.Measure.Seconds() || s.ClientSeconds <= 0 || s.ServerSeconds <= 0 {
				t.Errorf("%s: got sample %+v, want messages and processor time for %v at least", w, s, b.Measure)
			}
		}
		report.Results = append(report.Results, res)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "10×64 KiB×4") {
		t.Errorf("got a table without its last workload:\n%s", &text)
	}
}

func TestNoFigureWithoutAServer(t *testing.T) {
	built := tools(t)
	b := Bench{Load: built.Load, ServerCPU: 0, ClientCPU: 1, Measure: 50 * time.Millisecond}
	gone := Contender{Name: "gone", Argv: []string{"sh", "-c", "echo url=tcp://127.0.0.1:1; exec sleep 60"}}
	if s, err := b.sample(t.Context(), gone, Workload{1, 64, 1}); err == nil {
		t.Errorf("got %+v from a port that nobody serves, want an error", s)
	}
}
