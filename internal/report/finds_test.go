package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/report"
	"echod/internal/search"
)

// sampleFinds returns a search that found a rate, one whose generator was the limit, one that met
// no rate, one that ended early, and one that met all rates.
func sampleFinds() []report.Search {
	found := sampleFind()
	like := func(verdict search.Verdict, rate, above float64, steps ...report.Step) *report.Find {
		f := *found
		f.Limits = slices.Clone(f.Limits)
		if f.Verdict, f.Rate, f.Above, f.Steps = verdict, rate, above, steps; rate == 0 {
			f.Repeats, f.Met, f.Limits[0].Repeated = 0, 0, nil
		}
		return &f
	}
	early := like("", 0, 0, found.Steps[0])
	early.Warnings = []string{"few: a step had 7 messages"}
	return []report.Search{
		{Name: "epoll", Find: found},
		{Name: "early", Find: early},
		{Name: "net", Find: like(search.Generator, 5000, 10000, stepAt(search.Grow, 2500, 900*time.Microsecond, search.Met),
			stepAt(search.Grow, 5000, time.Millisecond, search.Met), stepAt(search.Grow, 10000, 90*time.Millisecond, search.Inconclusive))},
		{Name: "none", Find: like(search.NotMet, 0, 2500, stepAt(search.Grow, 2500, 30*time.Millisecond, search.Broken))},
		{Name: "all", Find: like(search.Maximum, 10000, 0, found.Steps[1:4]...)},
	}
}

func TestTextOfSeveralSearches(t *testing.T) {
	wantGolden(t, "finds.txt", func(w io.Writer) error { return report.WriteFind(w, sampleFinds(), false) })
}

// One search has another limit, and was made elsewhere.
func TestTextOfSearchesThatDiffer(t *testing.T) {
	searches := sampleFinds()[2:]
	other := searches[1].Find
	other.Limits = []report.Limit{{Threshold: "p50<1ms", Figure: "p50", Bound: 1e-3}}
	other.Steps[0].Result.Environment.Host = "beta"
	wantGolden(t, "finds-differ.txt", func(w io.Writer) error { return report.WriteFind(w, searches, false) })
}

// swatch is the path of a line in a legend.
const swatch = "M1 6L39 6"

func TestPageOfSearchesShowsTheirKnees(t *testing.T) {
	var page strings.Builder
	if err := report.WriteFindHTML(&page, sampleFinds()); err != nil {
		t.Fatal(err)
	}
	counts, shapes := map[string]int{}, map[string]bool{}
	var names []string
	elements(t, page.String(), func(e xml.StartElement, text string) {
		class := attribute(e, "class")
		switch {
		case e.Name.Local == "polygon" && class != "sign":
			shapes[attribute(e, "points")] = true
			if !strings.HasSuffix(class, " full") {
				counts["hollow"]++
			}
		case e.Name.Local == "circle" && class == "found":
			counts["found"]++
		case e.Name.Local == "path" && class == "line limit" && attribute(e, "d") != swatch:
			counts["limits"]++
		case e.Name.Local == "details":
			counts["steps"]++
		case e.Name.Local == "span":
			names = append(names, text)
		}
	})
	// Two generators were too slow, at one rate each. Three searches found a rate, and the legend
	// explains the mark.
	if diff := cmp.Diff(map[string]int{"hollow": 2, "found": 3 + 1, "limits": 1, "steps": 5}, counts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"epoll", "net", "none", "all", "p99<5ms"}, names); diff != "" {
		t.Errorf("lines (-want +got)\n%s", diff)
	}
	if len(shapes) != 5 {
		t.Errorf("got %d shapes of markers, want one for each search", len(shapes))
	}
	// The line of the third search is like the mark beside its name, although the second has none.
	if seen := strings.Count(page.String(), `class="line c2 d2"`); seen != 4 {
		t.Errorf("got the class of the third line %d times, want it in the chart, at its hollow marker, in the legend, and beside its name", seen)
	}
	for _, word := range []string{"http:", "https:", "src=", "href=", "url(", "style="} {
		if strings.Contains(page.String(), word) {
			t.Errorf("the page contains %s", word)
		}
	}
	if strings.Contains(page.String(), "cannot be compared") {
		t.Error("the page warns of searches that are alike")
	}
}

func TestFileOfSeveralSearchesHoldsAll(t *testing.T) {
	var text strings.Builder
	if err := report.WriteFindJSON(&text, sampleFinds()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format   string
		Searches []struct {
			Name, Format string
			Steps        []json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Searches) != 5 || got.Format != report.ReportFormat {
		t.Fatalf("got %d searches in %s", len(got.Searches), got.Format)
	}
	for i, want := range sampleFinds() {
		if s := got.Searches[i]; s.Name != want.Name || s.Format != report.FindFormat || len(s.Steps) != len(want.Steps) {
			t.Errorf("search %d: got %s in %s with %d steps, want %s with %d", i, s.Name, s.Format, len(s.Steps), want.Name, len(want.Steps))
		}
	}
}

func TestTextsOfSeveralSearchesAreEscaped(t *testing.T) {
	const hostile = "\x1b[2J<script>alert(1)</script>"
	searches := sampleFinds()
	for _, s := range searches {
		s.Summary, s.Warnings, s.Limits[0].Threshold = hostile, []string{hostile}, hostile
		for _, step := range s.Steps {
			step.Result.Plan.URL, step.Result.Environment.Host = hostile, hostile
			for i := range step.Thresholds {
				step.Thresholds[i].Threshold = hostile
			}
		}
	}
	searches[0].Name = hostile
	var text, page strings.Builder
	if err := errors.Join(report.WriteFind(&text, searches, false), report.WriteFindHTML(&page, searches)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(text.String(), '\x1b') {
		t.Errorf("got an escape sequence in\n%s", &text)
	}
	if strings.Contains(page.String(), "<script>alert") {
		t.Error("the page holds markup of a file")
	}
}
