package report_test

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// textOf returns the text report of a run.
func textOf(t *testing.T, run report.Run) string {
	t.Helper()
	var text strings.Builder
	if err := report.WriteText(&text, []report.Run{run}, false); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestHeadlineSaysWhatBecameOfTheMessages(t *testing.T) {
	measured := hist.New()
	measured.Record(2 * time.Millisecond)
	tests := []struct {
		name string
		of   load.Result
		want string
	}{
		{"all", load.Result{Due: 5000, Answered: 5000}, "all 5,000 messages answered, 2,500/s, p50 2.00 ms, p99 2.00 ms, max 2.00 ms"},
		{"one", load.Result{Due: 1, Answered: 1}, "1 message answered, 0.500/s, p50 2.00 ms, p99 2.00 ms, max 2.00 ms"},
		{"failed", load.Result{Due: 5000, Answered: 4998, Failed: load.Classes{dial.Timeout: 2}},
			"4,998 of 5,000 messages answered (99.96 %), 2,499/s, p50 2.00 ms, p99 2.00 ms, max 2.00 ms; 2 failed (timeout 2)"},
		{"lost", load.Result{Due: 3, Answered: 1, Lost: 1, Failed: load.Classes{dial.Reset: 1, dial.Refused: 0}},
			"1 of 3 messages answered (33.3 %), 0.500/s, p50 2.00 ms, p99 2.00 ms, max 2.00 ms; 1 failed (reset 1); 1 lost"},
		{"none", load.Result{Due: 4, Lost: 4}, "none of 4 messages answered; 4 lost"},
		{"none due", load.Result{}, "no message was due"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.of.AnsweredInTime = tt.of.Answered
			tt.of.Plan.URL, tt.of.Seconds, tt.of.Latency = "tcp://far:7", 2, measured
			if got, want := report.Line(&tt.of), "tcp://far:7: "+tt.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestReportsBeginWithTheConclusion: the most serious one, if there are several.
func TestReportsBeginWithTheConclusion(t *testing.T) {
	met := report.Verdict{Threshold: "failed<1", Met: true, Value: "0"}
	broken := report.Verdict{Threshold: "p99<1ms", Value: "2.00 ms"}
	tests := []struct {
		name     string
		verdicts []report.Verdict
		change   func(r *load.Result)
		want     string
	}{
		{"nothing to say", nil, func(*load.Result) {}, ""},
		{"met", []report.Verdict{met}, func(*load.Result) {}, "Passed: 1 threshold met."},
		{"broken", []report.Verdict{met, broken}, func(*load.Result) {}, "Failed: 1 of 2 thresholds broken: p99<1ms is 2.00 ms."},
		{"nothing answered", []report.Verdict{met}, func(r *load.Result) { r.Lost, r.Answered, r.AnsweredInTime = r.Due, 0, 0 }, "Inconclusive: nothing came back."},
		{"too slow to blame the service", []report.Verdict{broken}, func(r *load.Result) { r.Behind = new(load.Behind) }, "Inconclusive: the generator was too slow."},
		{"wrong byte", []report.Verdict{met}, func(r *load.Result) { r.Behind, r.Wrong = new(load.Behind), new(load.Wrong) }, "Failed: a byte is not the one that was sent."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := sample(1, 1, time.Millisecond)
			tt.change(r)
			run := report.Run{Result: r, Verdicts: tt.verdicts}
			_, headline, _ := strings.Cut(report.Line(r), ": ")
			want := strings.TrimPrefix(tt.want+"\n"+headline+"\n", "\n")
			if text := textOf(t, run); strings.Split(text, "\n\n")[1]+"\n" != want {
				t.Errorf("the text has no %q in its place:\n%s", want, text)
			}
			var paragraphs, verdicts []string
			elements(t, pageOf(t, run), func(e xml.StartElement, text string) {
				switch e.Name.Local {
				case "p":
					paragraphs = append(paragraphs, text+"\n")
				case "li":
					verdicts = append(verdicts, text)
				}
			})
			if got := strings.Join(paragraphs[1:], ""); !strings.HasPrefix(got, want) {
				t.Errorf("the page begins with %q, want %q", got, want)
			}
			if slices.Contains(tt.verdicts, broken) && !slices.Contains(verdicts, " broken: 2.00 ms") {
				t.Errorf("got %q, want the broken threshold", verdicts)
			}
		})
	}
}

func TestChartsOverTimeMarkWhatHappened(t *testing.T) {
	stopped := sample(1, 3, time.Millisecond)
	stopped.Interrupted = true
	for name, tt := range map[string]struct {
		run  *load.Result
		want []string
	}{
		"nothing":                {sample(1, 3, time.Millisecond), nil},
		"interrupted":            {stopped, []string{"interrupted 3s"}},
		"failures, a wrong byte": {troubled(), []string{"first failure 2s", "wrong byte 6s"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			charts := 0
			elements(t, pageOf(t, report.Run{Result: tt.run}), func(e xml.StartElement, text string) {
				switch {
				case e.Name.Local == "svg" && attribute(e, "class") == "chart":
					charts++
				case e.Name.Local == "text" && attribute(e, "dx") != "":
					got = append(got, text)
				}
			})
			if want := slices.Repeat(tt.want, charts-1); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q in each of the charts over time", got, tt.want)
			}
		})
	}
}
