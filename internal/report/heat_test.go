package report_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// heatOf is the heat maps of a page: their texts, and their paths by class.
type heatOf struct {
	words  []string
	scales []string // the labels of the vertical axes
	paths  []map[string]string
}

func heats(t *testing.T, page string) (h heatOf) {
	t.Helper()
	heat, labels := map[string]string{}, ""
	elements(t, page, func(e xml.StartElement, text string) {
		switch class := attribute(e, "class"); {
		case e.Name.Local == "path":
			heat[class] = attribute(e, "d")
		case class == "y":
			labels += text + " "
		case class == "chart" && strings.HasPrefix(attribute(e, "aria-label"), "Heat map"):
			h.words, h.scales, h.paths = append(h.words, attribute(e, "aria-label")), append(h.scales, labels), append(h.paths, heat)
			fallthrough
		case class == "chart":
			heat, labels = map[string]string{}, ""
		}
	})
	return h
}

// stalled returns a run whose server answers for a second, stalls for one, answers what was due,
// and is not asked for a second. In the last one, 3 of 4 messages fail.
func stalled() *load.Result {
	r := empty("alpha", 5)
	for i, n := range []struct{ due, answered, failed int64 }{{100, 100, 0}, {100, 0, 0}, {0, 100, 0}, {0, 0, 0}, {4, 1, 3}} {
		in := &r.Intervals[i]
		in.Due, in.Answered, in.Failed = n.due, n.answered, n.failed
		for m := range n.answered {
			d := 50 * time.Microsecond
			if i == 2 {
				d = time.Second + time.Duration(m)*10*time.Millisecond // from when it was due
			}
			in.Latency.Record(d)
			r.Latency.Record(d)
		}
		r.Due, r.Answered = r.Due+n.due, r.Answered+n.answered
	}
	r.Failed["reset"] = 3
	return r
}

func TestHeatMapTellsStallsLossesAndPausesApart(t *testing.T) {
	h := heats(t, pageOf(t, one(stalled())...))
	if len(h.words) != 1 {
		t.Fatalf("got %d heat maps, want 1", len(h.words))
	}
	want := "Heat map of latency: up to 50.1 µs for half of 201, from 50.1 µs to 2.00 s; 3 of 204 without an answer, in 1 of 5 columns; " +
		"all due, and nothing answered, in 1 of 5 columns; nothing due in 1 of 5 columns."
	if diff := cmp.Diff(want, h.words[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Each second is 2000 wide, and the lane begins at 9200.
	for class, want := range map[string]string{"waiting": "M2000 9680H4000V10000H2000z", "gaps": "M6000 0H8000V10000H6000z",
		"lost": "M8000 9400H10000V10000H8000z", "alllost": ""} {
		if got := h.paths[0][class]; got != want {
			t.Errorf("%s: got %q, want %q", class, got, want)
		}
	}
	if cells := h.paths[0]["h4"]; !strings.HasPrefix(cells, "M0 ") || !strings.Contains(cells, "M8000 ") {
		t.Errorf("got the darkest cells %q, want those of the seconds with one row", cells)
	}
}

func TestHeatMapsOfSeveralRunsHaveTheSameAxes(t *testing.T) {
	slow := sample(2, 20, 80*time.Millisecond)
	h := heats(t, pageOf(t, report.Run{Name: "fast", Result: sample(1, 10, time.Millisecond)}, report.Run{Name: "slow", Result: slow}))
	if len(h.scales) != 2 || h.scales[0] != h.scales[1] {
		t.Errorf("got the axes %q, want two that are equal", h.scales)
	}
	if strings.Contains(h.paths[0]["h4"], "H10000") || !strings.Contains(h.paths[1]["h4"], "H10000") {
		t.Error("ten seconds are not half as wide as twenty")
	}
}

// A merge of two results has the cells of both.
func TestHeatMapOfAMergeIsThatOfAllMessages(t *testing.T) {
	a, b := sample(1, 10, time.Millisecond), sample(2, 10, 50*time.Millisecond)
	b.Environment.Host = "beta"
	whole, err := report.Merge([]report.Run{{Name: "a", Result: a}, {Name: "b", Result: b}})
	if err != nil {
		t.Fatal(err)
	}
	h := heats(t, pageOf(t, one(whole)...))
	if want := "half of " + draw.Whole(float64(a.Answered+b.Answered)) + ","; !strings.Contains(h.words[0], want) {
		t.Errorf("the map says %q, want %q", h.words[0], want)
	}
}

// An hour of a run is not larger than four hundred columns.
func TestHeatMapOfALongRunIsSmall(t *testing.T) {
	r := empty("alpha", 0)
	r.Seconds = 3600
	for i := range 3600 {
		in := load.Interval{At: float64(i), Seconds: 1, Due: 40, Answered: 40, Latency: hist.New()}
		for n := range 40 {
			in.Latency.Record(time.Duration(1+(n*n*(i%7+1))%5000) * 10 * time.Microsecond)
		}
		in.Latency.Fold()
		r.Intervals = append(r.Intervals, in)
	}
	if size := len(pageOf(t, one(r)...)); size > 600<<10 {
		t.Errorf("the page has %d KiB, want at most 600", size>>10)
	}
}
