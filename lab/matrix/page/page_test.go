package page

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

func TestRemarkIsPrintedOnlyForTheSameVerdict(t *testing.T) {
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
		p := document{outcomes: []lab.Outcome{{Program: "p", Setup: lab.Setup{Remarks: remarks},
			Report: &lab.Report{Results: []lab.Result{tt.result}}}}}
		p.remarks()
		for _, remark := range remarks {
			if got, want := strings.Contains(p.String(), remark.Text), remark.Text == tt.want; got != want {
				t.Errorf("%+v: %q in the text: got %v, want %v", tt.result, remark.Text, got, want)
			}
		}
	}
}

func TestConfigurationIsComparedWithTheDefault(t *testing.T) {
	report := func(failing ...string) *lab.Report {
		r := &lab.Report{}
		for _, rule := range []string{"a", "b"} {
			result := lab.Result{Rule: "stream/" + rule, Verdict: "pass"}
			switch {
			case slices.Contains(failing, rule):
				result.Verdict, result.Class = "fail", "reset"
			case slices.Contains(failing, "?"+rule):
				result.Verdict = "error"
			}
			r.Results = append(r.Results, result)
		}
		return r
	}
	tests := []struct {
		before, now *lab.Report
		want        string
	}{
		{report("a", "b"), report("b"), "Compared with the default, these rules pass: a.\n"},
		{report(), report(), ""},
		{report("a"), report("a"), "The same rules fail as with the default.\n"},
		{report("a"), report("a", "b"), "Compared with the default, these rules fail in addition: b.\n"},
		{report("a", "b"), report("?a"), "Compared with the default, these rules pass: b. These fail in addition: none. These are inconclusive or skipped: a.\n"},
		{report("a"), report("b"), "Compared with the default, these rules pass: a. These fail in addition: b.\n"},
	}
	for _, tt := range tests {
		outcomes := []lab.Outcome{
			{Program: "p", Report: tt.before},
			{Program: "p", Report: tt.now, Setup: lab.Setup{Fixes: "something"}},
		}
		p := document{outcomes: outcomes}
		if p.change(1, outcomes[1]); strings.TrimSuffix(p.String(), "\n") != tt.want {
			t.Errorf("got %q, want %q", p.String(), tt.want)
		}
	}
}

// TestEveryProxyHasOneAnswerToEachQuestion checks that it is the first one that matches.
func TestEveryProxyHasOneAnswerToEachQuestion(t *testing.T) {
	outcome := func(name string, failing ...string) lab.Outcome {
		r := &lab.Report{}
		for _, rule := range []string{"half-close", "half-close-late", "server-fin", "rst-to-client", "rst-to-server"} {
			result := lab.Result{Rule: "stream/" + rule, Verdict: "pass"}
			switch {
			case slices.Contains(failing, rule):
				result.Verdict, result.Class = "fail", "reset"
			case slices.Contains(failing, "skips "+rule):
				result.Verdict = "skip"
			}
			r.Results = append(r.Results, result)
		}
		return lab.Outcome{Program: name, Report: r}
	}
	p := document{outcomes: []lab.Outcome{
		outcome("loses", "half-close", "half-close-late", "rst-to-client", "rst-to-server"),
		outcome("hurries", "half-close-late", "rst-to-client"),
		outcome("waits"),
		outcome("unknown", "skips half-close-late", "skips server-fin", "skips rst-to-server"),
	}}
	p.answers()
	for _, want := range []string{
		"* **No**, the answer is lost: loses.\n",
		"* **Only if it is fast**: an answer after one second is lost: hurries.\n",
		"* **Yes**: waits.\n",
		"* **Yes**: loses, hurries, waits.\n",
		"* **No**: a reset of either side arrives as a FIN: loses.\n",
		"* **Only the server does**: hurries.\n",
		"One side resets the connection. Does the other side see the reset?\n",
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("got %s\nwant %s", p.String(), want)
		}
	}
	if strings.Contains(p.String(), "unknown") {
		t.Errorf("got an answer for a proxy that skips a rule: %s", p.String())
	}
}

func TestConfigurationIsInTheNameOfItsReport(t *testing.T) {
	for want, o := range map[string]lab.Outcome{
		"01-haproxy.json":                   {Program: "haproxy", Setup: lab.Setup{Name: "default"}},
		"01-nginx-stream.json":              {Program: "nginx (stream)", Setup: lab.Setup{Name: "default: a"}},
		"01-socat-t-3600-backlog-1024.json": {Program: "socat", Setup: lab.Setup{Name: "-t 3600, backlog=1024", Fixes: "it"}},
	} {
		if got := fileOf(0, o); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestPageIsUpToDate renders docs/matrix again: the texts here may have changed since then.
func TestPageIsUpToDate(t *testing.T) {
	const docs = "../../../docs"
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "matrix"), os.DirFS(filepath.Join(docs, "matrix"))); err != nil {
		t.Fatal(err)
	}
	if err := Render(dir, programs.All(), programs.Missing()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "matrix.md"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(docs, "matrix.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/matrix.md is out of date: run go run . -render in lab/matrix")
	}
}
