package page

import (
	"strings"
	"testing"

	"echod/lab/matrix/lab"
)

// TestARemarkIsPrintedOnlyIfItsVerdictComesOutAgain: a page must not tell of what
// was not seen.
func TestARemarkIsPrintedOnlyIfItsVerdictComesOutAgain(t *testing.T) {
	remarks := []lab.Remark{
		{Rule: "stream/half-close", Class: "reset", Text: "It resets."},
		{Rule: "stream/half-close", Text: "It is honest."},
	}
	tests := []struct {
		result lab.Result
		want   string
	}{
		{lab.Result{Rule: "stream/half-close", Verdict: "fail", Class: "reset"}, "It resets."},
		{lab.Result{Rule: "stream/half-close", Verdict: "pass"}, "It is honest."},
		{lab.Result{Rule: "stream/half-close", Verdict: "fail", Class: "timeout"}, ""},
		{lab.Result{Rule: "stream/half-close", Verdict: "error"}, ""},
		{lab.Result{Rule: "stream/fin-only", Verdict: "pass"}, ""},
	}
	for _, tt := range tests {
		p := paper{outcomes: []lab.Outcome{{Program: "p", Setup: lab.Setup{Remarks: remarks},
			Report: &lab.Report{Results: []lab.Result{tt.result}}}}}
		p.surprises()
		for _, remark := range remarks {
			if got, want := strings.Contains(p.String(), remark.Text), remark.Text == tt.want; got != want {
				t.Errorf("%+v: %q printed: got %v, want %v", tt.result, remark.Text, got, want)
			}
		}
	}
}

// TestWhatAnOptionMendsIsToldByComparison with the program's default.
func TestWhatAnOptionMendsIsToldByComparison(t *testing.T) {
	report := func(failing ...string) *lab.Report {
		r := &lab.Report{}
		for _, rule := range failing {
			r.Results = append(r.Results, lab.Result{Rule: "stream/" + rule, Verdict: "fail", Class: "reset"})
		}
		return r
	}
	tests := []struct {
		before, now *lab.Report
		want        string
	}{
		{report("a", "b"), report("b"), "Mended, compared with the default: a.\n"},
		{report(), report(), ""},
		{report("a"), report("a"), "The same rules fail as by default.\n"},
		{report("a"), report("a", "b"), "Nothing is mended, and these fail in addition: b.\n"},
		{report("a"), report("b"), "Mended, compared with the default: a. Broken: b.\n"},
	}
	for _, tt := range tests {
		outcomes := []lab.Outcome{
			{Program: "p", Report: tt.before},
			{Program: "p", Report: tt.now, Setup: lab.Setup{Mends: "something"}},
		}
		p := paper{outcomes: outcomes}
		if p.change(1, outcomes[1]); strings.TrimSuffix(p.String(), "\n") != tt.want {
			t.Errorf("got %q, want %q", p.String(), tt.want)
		}
	}
}

// TestEveryProxyGivesOneAnswerToEachQuestion: the first that fits.
func TestEveryProxyGivesOneAnswerToEachQuestion(t *testing.T) {
	outcome := func(name string, failing ...string) lab.Outcome {
		r := &lab.Report{}
		for _, rule := range failing {
			r.Results = append(r.Results, lab.Result{Rule: "stream/" + rule, Verdict: "fail", Class: "reset"})
		}
		return lab.Outcome{Program: name, Report: r}
	}
	p := paper{outcomes: []lab.Outcome{
		outcome("loses", "half-close", "half-close-late", "rst-to-client", "rst-to-server"),
		outcome("hurries", "half-close-late", "rst-to-client"),
		outcome("waits"),
	}}
	p.inShort()
	for _, want := range []string{
		"* **No, it is lost**: loses.\n",
		"* **If it is quick**: an answer that comes a second later is lost: hurries.\n",
		"* **Yes**: waits.\n",
		"* **Yes**: loses, hurries, waits.\n",
		"* **Neither does**: each sees an orderly end: loses.\n",
		"* **The server does, the client does not**: hurries.\n",
		"* **Both do**: waits.\n",
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("got %s\nwant %s", p.String(), want)
		}
	}
}
