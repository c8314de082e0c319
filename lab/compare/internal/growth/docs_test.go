package growth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const repo = "../../../.."

// newest returns the newest committed report and its name without the ending.
func newest(t *testing.T) (Report, string) {
	t.Helper()
	names, err := filepath.Glob("../../results/20*-growth.json") // in the order of their dates
	if err != nil || len(names) == 0 {
		t.Fatalf("got %v and %v, want a report", names, err)
	}
	name := names[len(names)-1]
	r, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return r, strings.TrimSuffix(name, ".json")
}

func TestDocumentsQuoteTheNewestReport(t *testing.T) {
	r, name := newest(t)
	want := map[string]string{}
	for document := range documents {
		fresh, err := r.update(repo, document, filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		want[filepath.Join(repo, document)] = string(fresh)
	}
	var tables strings.Builder
	if err := r.WriteMarkdown(&tables); err != nil {
		t.Fatal(err)
	}
	want[name+".md"], want[name+".svg"] = tables.String(), drawn(t, r)
	for path, text := range want {
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is stale (%v): in lab/compare, go run ./cmd/compare -render results/%s.json", path, err, filepath.Base(name))
		}
	}
}

// TestNewestReportHasEveryPoint: a line that ends early, or a server that fails, is not overlooked.
func TestNewestReportHasEveryPoint(t *testing.T) {
	r, _ := newest(t)
	for _, server := range Servers {
		for _, conns := range Conns {
			for _, active := range actives(conns) {
				p, ok := r.point(server, conns, active)
				if reaches(server, conns) && (!ok || p.Failure != "" || len(p.Slices) < 3) {
					t.Errorf("%s, %d connections, %d active: got %+v, want at least three slices", server, conns, active, p)
				}
			}
		}
	}
}

func TestUpdateWritesBetweenTheMarkers(t *testing.T) {
	r := sampleReport()
	dir := t.TempDir()
	for document, block := range documents {
		name := filepath.Join(dir, document)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "before\n<!-- growth " + block + " -->\nold\n<!-- end -->\nafter\n"
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Update(dir, "2026-11-29-growth"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "docs/engines/5-poll.md"))
	want := "before\n<!-- growth poll -->\n![" + alternative + "](../../lab/compare/results/2026-11-29-growth.svg)\n\n" +
		r.pollBlock() + "\n[All numbers](../../lab/compare/results/2026-11-29-growth.md).\n<!-- end -->\nafter\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func TestDocumentsHaveTheMarkersOfTheirBlock(t *testing.T) {
	for _, text := range []string{"", "<!-- growth epoll -->\n<!-- end -->", "<!-- growth poll -->\n", strings.Repeat("<!-- growth poll -->\n<!-- end -->\n", 2)} {
		if got, err := sampleReport().expand([]byte(text), "poll", "growth.svg"); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestBlocksQuoteTheReport(t *testing.T) {
	r := sampleReport()
	for block, want := range map[string]string{
		"table":  "| One active: server CPU per message | 0.00 ± 0.00 | 0.00 ± 0.00 | 0.00 ± 0.00 | 0.98 ± 0.00 | 0.73 ± 0.04 |",
		"select": "42.0 µs of CPU time with 100 connections, and 222 µs with 1,000: the exponent is 0.73 ± 0.04.",
		"poll":   "3.82 ms with 19,000: the exponent is 0.98 ± 0.00. If 1 % of them are active, it costs 284 µs",
		"epoll":  "17.5 µs with 19,000: the exponent is 0.00 ± 0.00. For poll it is 0.98 ± 0.00, and a message costs 3.82 ms.",
	} {
		if got := strings.Join(strings.Fields(blocks[block](r)), " "); !strings.Contains(got, want) {
			t.Errorf("%s: want %q in:\n%s", block, want, got)
		}
	}
	if len(blocks) != len(documents) {
		t.Errorf("got %d blocks for %d documents", len(blocks), len(documents))
	}
}
