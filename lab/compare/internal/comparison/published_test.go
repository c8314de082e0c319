package comparison

import (
	"path/filepath"
	"strings"
	"testing"
)

const repo = "../../../.."

// TestDocumentsShowTheNewestResults fails if a table in a document is not that of the newest
// results: it was edited, or the results or the format changed.
func TestDocumentsShowTheNewestResults(t *testing.T) {
	newest, err := NewestResults(repo)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Open(newest)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(newest, ".json")
	want, err := report.Documents(repo, name)
	if err != nil {
		t.Fatal(err)
	}
	var tables, chart strings.Builder
	if err := report.WriteMarkdown(&tables); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteSVG(&chart); err != nil {
		t.Fatal(err)
	}
	want[name+".md"], want[name+".svg"] = tables.String(), chart.String()
	if len(want) != 4 {
		t.Errorf("got %d files, want the README, performance.md, the tables and the chart", len(want))
	}
	for path, text := range want {
		if read(path) != text {
			t.Errorf("%s does not show %s: run go run ./cmd/compare -render results/%s", path, newest, filepath.Base(newest))
		}
	}
}

func TestTableIsReplacedBetweenItsComments(t *testing.T) {
	const before, after = "a\n<!-- compare x -->\n", "<!-- end compare -->\nb\n"
	got, err := replaceTable(before+"old\n"+after, "x", "new\n")
	if err != nil || got != before+"new\n"+after {
		t.Errorf("got %q, %v, want the new body", got, err)
	}
	for _, text := range []string{"a\n", before, after, "<!-- compare y -->\n" + after} {
		if got, err := replaceTable(text, "x", "new\n"); err == nil {
			t.Errorf("%q: got %q, want an error that names the comments", text, got)
		}
	}
}

func TestTablesOfDocuments(t *testing.T) {
	r := sampleReport()
	for _, want := range []string{
		"| 50×64 B | 0.99 (0.99–0.99) |  | gnet: 0.12 (0.12–0.12) |\n",
		"| UDP 16×64 B×32 | 0.90 (0.90–0.90) |",
	} {
		if got := r.speeds(); !strings.Contains(got, want) {
			t.Errorf("README: want %q in\n%s", want, got)
		}
	}
	for _, want := range []string{
		"| 50×64 B | 1.00 (1.00–1.00) | 0.99 (0.99–0.99) |  |  | 0.12 (0.12–0.12) |  | failed |  | missed: p99 of epoll/C |\n",
		"| missed: epoll/C |\n",
		"| bytes of user memory for an idle connection |  | 65 |",
		"Measured on 2026-11-23: A & B", "(x/2026.md)", "(x/2026.svg)",
	} {
		if got := r.results("x/2026"); !strings.Contains(got, want) {
			t.Errorf("performance.md: want %q in\n%s", want, got)
		}
	}
}

func TestSummaryNamesWhatIsNotMet(t *testing.T) {
	small := Workload{Stream, 50, 64, 1}
	r := compared(Result{Workload: small, Servers: []ServerResult{at(C, 1, 1), at(epoll, 0.9, 1), noisy("gnet", 0.9), at("nbio", 0.8, 1)}})
	if got, want := r.goalSummary(), "missed: epoll/C; not told apart: epoll/gnet"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = compared(Result{Workload: small, Servers: []ServerResult{busyAt(C, 1, 0.75, 0.96), busyAt(epoll, 1.1, 0.83, 0.96), at("gnet", 1.2, 1)}})
	if got, want := (Report{Results: []Result{r}}).speeds(), "\n| 50×64 B (the generator is the limit) | 1.10"; !strings.Contains(got, want) {
		t.Errorf("README: want %q in\n%s", want, got)
	}
	if got, want := r.goalSummary(), "not told apart, the generator is the limit: epoll/C, epoll/gnet"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = compared(Result{Workload: small, Servers: []ServerResult{at(C, 1, 1), at(C+again, 2, 1), at(epoll, 1, 1)}})
	if got := r.goalSummary(); !strings.HasPrefix(got, "no verdict: C is at 2.000") {
		t.Errorf("got %q, want that there is no verdict", got)
	}
}
