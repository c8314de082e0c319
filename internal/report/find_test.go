package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
	"echod/internal/search"
)

// stepAt returns a step of a search. At higher rates, the latency has another median.
func stepAt(phase search.Phase, rate float64, median time.Duration, outcome search.Outcome) report.Step {
	r := sample(uint64(rate)+1, 1, median)
	if phase != report.ClosedLoop {
		r.Plan.Rate, r.SchedulingDelay = load.PerSecond(rate), hist.New()
	}
	step := report.Step{Phase: phase, Rate: rate, Outcome: outcome, Result: r}
	if outcome == search.Broken {
		step.Thresholds = []report.Verdict{{Threshold: "p99<5ms", Value: "8 ms"}, {Threshold: "success_ratio>99.9%", Met: true, Value: "100 %"}}
	}
	return step
}

// sampleFind returns a search that found 10,000/s.
func sampleFind() *report.Find {
	f := &report.Find{Format: report.FindFormat, Verdict: search.Found, Summary: "found: 10,000/s. 4 of 5 repeats met the limits.",
		Rate: 10000, Above: 10500, Repeats: 5, Met: 4, Confidence: 0.9375, Precision: 0.05,
		Limits: []report.Limit{{Threshold: "p99<5ms", Figure: "p99", Bound: 5e-3, Repeated: &report.Repeated{Median: 2e-3, Low: 1e-3, High: 5.5e-3}},
			{Threshold: "success_ratio>99.9%", Figure: "success_ratio", Bound: 0.999}},
		Steps: []report.Step{
			stepAt(report.ClosedLoop, 0, time.Millisecond, ""),
			stepAt(search.Grow, 2500, 200*time.Microsecond, search.Met), stepAt(search.Grow, 5000, 300*time.Microsecond, search.Met),
			stepAt(search.Grow, 10000, 900*time.Microsecond, search.Met),
			stepAt(search.Grow, 20000, 400*time.Millisecond, search.Broken), stepAt(search.Grow, 20000, 300*time.Millisecond, search.Inconclusive),
			stepAt(search.Bisect, 15000, 80*time.Millisecond, search.Broken), stepAt(search.Bisect, 15000, 90*time.Millisecond, search.Broken),
		}}
	for range 5 {
		f.Steps = append(f.Steps, stepAt(search.Repeat, 10000, time.Millisecond, search.Met))
	}
	f.Steps[12] = stepAt(search.Repeat, 10000, 4*time.Millisecond, search.Broken)
	return f
}

func alone(f *report.Find) []report.Search { return []report.Search{{Find: f}} }

func writtenFind(t interface{ Fatal(...any) }, f *report.Find) string {
	var text strings.Builder
	if err := report.WriteFindJSON(&text, alone(f)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// wantReadAgain writes f in each format, and reads it.
func wantReadAgain(t *testing.T, f *report.Find) {
	t.Helper()
	again, err := readFind("again", strings.NewReader(writtenFind(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, again, planLike, cmpopts.IgnoreFields(report.Step{}, "Figures"), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("written and read (-want +got)\n%s", diff)
	}
	if err := errors.Join(report.WriteFind(io.Discard, alone(f), true), report.WriteFindHTML(io.Discard, alone(f))); err != nil {
		t.Fatal(err)
	}
}

func TestFileOfASearchHoldsAllResults(t *testing.T) {
	wantReadAgain(t, sampleFind())
	var got struct {
		Steps []struct {
			Figures map[string]float64
			Result  json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(writtenFind(t, sampleFind())), &got); err != nil {
		t.Fatal(err)
	}
	for i, step := range got.Steps {
		r, err := readRun("step", strings.NewReader(string(step.Result)))
		if err != nil {
			t.Fatal(err)
		}
		if want := r.Latency.Quantile(0.99).Seconds(); step.Figures["latency_p99_seconds"] != want {
			t.Errorf("step %d: got a p99 of %g, want %g", i, step.Figures["latency_p99_seconds"], want)
		}
	}
}

func TestTextOfASearch(t *testing.T) {
	wantGolden(t, "find.txt", func(w io.Writer) error { return report.WriteFind(w, alone(sampleFind()), false) })
}

func TestTextOfASearchFits80Columns(t *testing.T) {
	f := sampleFind()
	for i := range f.Steps {
		f.Steps[i].Rate *= 10000
		f.Steps[i].Result.Answered, f.Steps[i].Result.AnsweredInTime, f.Steps[i].Result.Due = 998999, 998999, 999999
	}
	var text strings.Builder
	if err := report.WriteFind(&text, alone(f), false); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(text.String(), "\n\n") // after the plan
	for line := range strings.Lines(table) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("got %d columns: %s", n, line)
		}
	}
}

func TestPageOfASearchShowsTheKnee(t *testing.T) {
	var page strings.Builder
	if err := report.WriteFindHTML(&page, alone(sampleFind())); err != nil {
		t.Fatal(err)
	}
	charts, lines, rows := 0, 0, 0
	var names []string
	elements(t, page.String(), func(e xml.StartElement, text string) {
		switch {
		case e.Name.Local == "svg" && attribute(e, "class") == "chart":
			charts++
		case e.Name.Local == "path" && attribute(e, "d") != "M1 6L39 6":
			lines++
		case e.Name.Local == "tr":
			rows++
		case e.Name.Local == "span":
			names = append(names, text)
		}
	})
	if charts != 1 || lines != 4 || rows != 1+13 {
		t.Errorf("got %d charts with %d lines, and %d rows", charts, lines, rows)
	}
	if diff := cmp.Diff([]string{"p50", "p99", "max", "p99<5ms"}, names); diff != "" {
		t.Errorf("lines (-want +got)\n%s", diff)
	}
	if !strings.Contains(page.String(), `<p class="lead">found: 10,000/s. 4 of 5 repeats`) {
		t.Error("the page does not begin with the result")
	}
}

func TestLimitDecidesOnTheCurve(t *testing.T) {
	for figure, want := range map[string]string{"p50": "p50, max, l", "p99.9": "p50, p99.9, max, l", "max": "p50, max, l", "mean": "p50, p99, max", "loss": "p50, p99, max"} {
		f := sampleFind()
		f.Limits = []report.Limit{{Threshold: "l", Figure: figure, Bound: 5e-3}}
		var page strings.Builder
		if err := report.WriteFindHTML(&page, alone(f)); err != nil {
			t.Fatal(err)
		}
		var names []string
		elements(t, page.String(), func(e xml.StartElement, text string) {
			if e.Name.Local == "span" {
				names = append(names, text)
			}
		})
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("a limit for %s: got the lines %s, want %s", figure, got, want)
		}
	}
}

func TestTextsOfASearchAreEscaped(t *testing.T) {
	const hostile = "\x1b[2J<script>alert(1)</script>"
	f := sampleFind()
	f.Summary, f.Warnings = hostile, []string{hostile}
	f.Limits[0].Threshold, f.Steps[0].Phase, f.Steps[0].Outcome = hostile, hostile, hostile
	f.Steps[4].Thresholds[0].Threshold = hostile
	f.Steps[0].Result.Plan.URL = hostile
	var text, page strings.Builder
	if err := errors.Join(report.WriteFind(&text, alone(f), false), report.WriteFindHTML(&page, alone(f))); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(text.String(), '\x1b') {
		t.Errorf("got an escape sequence in\n%s", &text)
	}
	if strings.Contains(page.String(), "<script>alert") {
		t.Error("the page holds markup of a file")
	}
}

func TestFileThatIsNoSearchIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*report.Find)
		want   string
	}{
		{"no steps", func(f *report.Find) { f.Steps = nil }, "a.json: a search without steps"},
		{"a rate that is too low", func(f *report.Find) { f.Steps[1].Rate = 1e-9 }, "a.json: steps[1].rate is 1e-09: want 0.001 to 1e+08, or 0 for a closed loop"},
		{"a negative limit", func(f *report.Find) { f.Limits[0].Bound = -1 }, "a.json: limits[0].bound is -1: want 0 to 1e+15"},
		{"a result that is none", func(f *report.Find) { f.Steps[2].Result.Lost = 7 }, "a.json: steps[2]: due is "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := sampleFind()
			test.change(f)
			_, err := readRun("a.json", strings.NewReader(writtenFind(t, f)))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	_, err := readRun("a.json", strings.NewReader(`{"format":"echod-find/1","steps":[{"phase":"grow"}]}`))
	if want := "a.json: steps[0] has no result"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
