package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"echod/internal/load"
	"echod/internal/report"
)

// fromWorkers returns the sum of three workers, of which the last began late and was behind.
func fromWorkers(t *testing.T) *load.Result {
	t.Helper()
	var runs []report.Run
	for i, median := range []time.Duration{200 * time.Microsecond, 300 * time.Microsecond, time.Millisecond} {
		r := sample(uint64(i+1), 3, median)
		r.Plan.Seed = uint64(i + 1)
		runs = append(runs, report.Run{Name: "worker", Result: r})
	}
	runs[2].Result.Behind = &load.Behind{Target: 100, Achieved: 50, SchedulingDelay: 40 * time.Millisecond}
	sum, err := report.MergeStarted(runs)
	if err != nil {
		t.Fatal(err)
	}
	for i, skew := range []time.Duration{-40 * time.Microsecond, 260 * time.Microsecond, 9 * time.Millisecond} {
		sum.Parts[i].Worker = "tcp://10.0.0." + string(rune('1'+i)) + ":7009"
		sum.Parts[i].Begun = &load.Begun{Skew: skew, Uncertainty: 100 * time.Microsecond}
	}
	sum.Parts[1].Begun.ClockAhead = -3 * time.Hour
	return sum
}

func TestWorkersAreSideBySide(t *testing.T) {
	sum := fromWorkers(t)
	var text, html bytes.Buffer
	if err := report.WriteText(&text, one(sum), false); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteHTML(&html, one(sum)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(strings.Fields(text.String()), " ")
	for _, want := range []string{
		"3 workers, which began within 9.04 ms of one another (± 200 µs)",
		"rate p50 p99 failed skew behind 10.0.0.1:7009 ",
		" -40.0 µs ± 100 µs no 10.0.0.2:7009 ", " 260 µs ± 100 µs no 10.0.0.3:7009 ", " 9.00 ms ± 100 µs 40.0 ms",
		"10.0.0.2:7009: ", "system clock 3h behind, which does not matter",
		"skew: the workers began 9.04 ms apart (± 200 µs): want less than 5ms on one network",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"<h2>Workers</h2>", `<th scope="row">10.0.0.3:7009</th>`, `<td class="bad">9.00 ms ± 100 µs</td>`, "Skew is how long after"} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestWorkersSurviveTheFile: what is written as JSON and read again says the same.
func TestWorkersSurviveTheFile(t *testing.T) {
	sum := fromWorkers(t)
	var file, want, got bytes.Buffer
	if err := report.WriteJSON(&file, one(sum)); err != nil {
		t.Fatal(err)
	}
	read, err := readRun("workers.json", &file)
	if err != nil {
		t.Fatal(err)
	}
	report.WriteText(&want, one(sum), false)
	report.WriteText(&got, one(read), false)
	if want.String() != got.String() {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want.String())
	}
}

func TestOldPartsWithoutLatencyHaveNoTable(t *testing.T) {
	sum := fromWorkers(t)
	for i := range sum.Parts {
		sum.Parts[i].Latency = nil
	}
	var text bytes.Buffer
	report.WriteText(&text, one(sum), false)
	if strings.Contains(text.String(), "skew  behind") {
		t.Errorf("got a table of parts without latency:\n%s", text.String())
	}
}

func TestScreenSaysHowManyWorkersRun(t *testing.T) {
	s := report.NewScreen(load.Plan{URL: "tcp://127.0.0.1:7"})
	s.Workers(2, 3)
	if got, want := s.Lines(80)[0], "connecting  2 of 3 workers running  tcp://127.0.0.1:7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
