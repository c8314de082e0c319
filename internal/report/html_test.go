package report_test

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// pageOf returns the page of runs.
func pageOf(t *testing.T, runs ...report.Run) string {
	t.Helper()
	var text strings.Builder
	if err := report.WriteHTML(&text, runs); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// elements reads a page as XML, which it is after its first line. It calls each for each
// element, with the text in it.
func elements(t *testing.T, page string, each func(e xml.StartElement, text string)) {
	t.Helper()
	in := xml.NewDecoder(strings.NewReader(page))
	var open []xml.StartElement
	var texts []string
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the page does not parse: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open, texts = append(open, token.Copy()), append(texts, "")
		case xml.CharData:
			if len(texts) > 0 {
				texts[len(texts)-1] += string(token)
			}
		case xml.EndElement:
			last := len(open) - 1
			each(open[last], texts[last])
			open, texts = open[:last], texts[:last]
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func TestPageShowsEveryRunInEveryChart(t *testing.T) {
	tests := []struct {
		name          string
		runs          []report.Run
		charts, lines int
	}{
		{"one", []report.Run{{Result: sample(1, 10, time.Millisecond)}}, 4, 1 + 3 + 1 + 1},
		{"one of an open loop with failures", []report.Run{{Result: troubled()}}, 5, 2 + 2 + 3 + 1 + 2},
		{"several, one with failures", three(), 6 + 3, 6*3 + 3},
		{"several", three()[:2], 5 + 2, 5*2 + 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			charts, lines := 0, 0
			elements(t, pageOf(t, test.runs...), func(e xml.StartElement, _ string) {
				if e.Name.Local == "svg" && attribute(e, "class") == "chart" {
					charts++
				}
				if strings.HasPrefix(attribute(e, "class"), "line ") && len(attribute(e, "d")) > 20 {
					lines++
				}
			})
			if charts != test.charts || lines != test.lines {
				t.Errorf("got %d charts with %d lines, want %d with %d", charts, lines, test.charts, test.lines)
			}
		})
	}
}

// The page has the bars of the text report, with the same numbers.
func TestPageAndTextHaveTheSameHistogram(t *testing.T) {
	r := troubled()
	var inPage []string
	elements(t, pageOf(t, one(r)...), func(e xml.StartElement, text string) {
		if e.Name.Local == "rect" && strings.HasSuffix(attribute(e, "width"), "%") && attribute(e, "class") == "" {
			inPage = append(inPage, attribute(e, "width"))
		}
	})
	var text strings.Builder
	if err := report.WriteText(&text, one(r), false); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text.String(), "latency up to\n")
	histogram, _, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(histogram, "\n")
	page := pageOf(t, one(r)...)
	for _, line := range lines {
		cells := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(line), -1)
		want := fmt.Sprintf(`<th scope="row">%s</th><td class="bar">`, cells[0])
		_, row, found := strings.Cut(page, want)
		row, _, _ = strings.Cut(row, "</tr>")
		if !found || !strings.HasSuffix(row, fmt.Sprintf("<td>%s</td><td>%s</td>", cells[2], cells[3])) {
			t.Errorf("the page does not have the line %q", line)
		}
	}
	// In the text the fourth bar is the longest, and the third has nine tenths of it.
	if want := []string{"0.63%", "10.29%", "90.21%", "100%", "4.19%", "2.41%", "5.85%", "1.78%", "0.4%", "0.4%", "0.4%", "0.4%"}; len(lines) != len(want) || !slices.Equal(inPage, want) {
		t.Errorf("got bars of %q in the page and %d in the text, want %q", inPage, len(lines), want)
	}
}

// Both charts of time and the text say how late the generator was.
func TestPageShowsWhenTheGeneratorWasBehind(t *testing.T) {
	silent, well := troubled(), troubled()
	for i := range silent.Intervals {
		silent.Intervals[i].SchedulingDelay = nil
		well.Intervals[i].SchedulingDelay = well.Intervals[0].SchedulingDelay
	}
	well.Behind = nil
	tests := []struct {
		name  string
		r     *load.Result
		bands []string
		words string
	}{
		{"two seconds", troubled(), slices.Repeat([]string{"50% 33.33%"}, 4), "behind from 3s to 5s: 1 in 100 messages was sent 88.1 ms late or more. Latency includes this delay"},
		{"the seconds do not say", silent, slices.Repeat([]string{"0% 100%"}, 4), "behind from 0s to 6s: 1 in 100 messages was sent 84.5 ms late or more. Latency includes this delay"},
		{"in time", well, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var bands []string
			page := pageOf(t, one(test.r)...)
			elements(t, page, func(e xml.StartElement, _ string) {
				if x := attribute(e, "x"); e.Name.Local == "rect" && attribute(e, "class") == "band" && x != "" {
					bands = append(bands, x+" "+attribute(e, "width"))
				}
			})
			if !slices.Equal(bands, test.bands) {
				t.Errorf("got bands at %q, want %q", bands, test.bands)
			}
			if seen := strings.Count(page, "</svg>"+test.words+"</li>"); test.words != "" && seen != len(test.bands) {
				t.Errorf("got %q %d times, want %d", test.words, seen, len(test.bands))
			}
		})
	}
}

func TestPageLoadsNothing(t *testing.T) {
	page := pageOf(t, three()...)
	for _, word := range []string{"http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "style=", "onclick"} {
		if strings.Contains(page, word) {
			t.Errorf("the page contains %s", word)
		}
	}
	if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Error("the page's policy allows more than its own style")
	}
}

// TestPageEscapesTextsFromFiles has a hostile string in each field of a result, and as the
// name of its file.
func TestPageEscapesTextsFromFiles(t *testing.T) {
	const hostile = `"></script></svg></style><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}'`
	r := troubled()
	r.Echod, r.Plan.URL = hostile, hostile
	r.Environment = load.Environment{Host: hostile, OS: hostile, Arch: hostile, Kernel: hostile, CPU: hostile, Go: hostile}
	r.Wrong = &load.Wrong{Got: hostile, Want: hostile}
	r.Failed = load.Classes{dial.Class(hostile): 1}
	for _, page := range []string{pageOf(t, report.Run{Result: r}), pageOf(t, report.Run{Name: hostile, Result: r}, report.Run{Name: hostile, Result: r})} {
		seen := 0
		elements(t, page, func(e xml.StartElement, text string) {
			if e.Name.Local == "img" || e.Name.Local == "script" && strings.Contains(text, "alert") {
				t.Errorf("got an element %s that a file made: %s", e.Name.Local, text)
			}
			seen += strings.Count(text, hostile)
		})
		if seen < 8 {
			t.Errorf("got the texts of the file %d times, want them everywhere", seen)
		}
		if strings.Contains(page, "<img") || strings.Contains(page, "<script>alert") {
			t.Error("the page holds markup of a file")
		}
	}
}

var steps = regexp.MustCompile(`([MlHV])(-?[0-9]+) ?(-?[0-9]+)?|h0|z`)

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func TestLinesStayInTheirCharts(t *testing.T) {
	nothing := empty("alpha", 3)
	once := empty("alpha", 3)
	happen(once, event{second: 1, latency: time.Hour})
	interrupted := empty("alpha", 0)
	uneven := sample(1, 3, time.Millisecond)
	uneven.Intervals[2].Seconds = 0.01
	for name, r := range map[string]*load.Result{"nothing": nothing, "one message": once, "no time": interrupted,
		"a short last second": uneven, "nanoseconds": sample(1, 3, time.Nanosecond)} {
		t.Run(name, func(t *testing.T) {
			elements(t, pageOf(t, report.Run{Result: r}), func(e xml.StartElement, _ string) {
				if e.Name.Local != "path" || strings.HasPrefix(attribute(e, "d"), "M1 6L") {
					return
				}
				path := attribute(e, "d")
				x, y, walked := 0, 0, ""
				for _, step := range steps.FindAllStringSubmatch(path, -1) {
					walked += step[0]
					dx, dy := atoi(step[2]), atoi(step[3])
					switch step[1] {
					case "M":
						x, y = dx, dy
					case "l":
						x, y = x+dx, y+dy
					case "H":
						x = atoi(step[2] + step[3])
					case "V":
						y = atoi(step[2] + step[3])
					}
					if x < 0 || x > 10000 || y < 0 || y > 10000 {
						t.Fatalf("%s leads to %d %d in %s", step[0], x, y, path)
					}
				}
				if walked != path {
					t.Fatalf("got %s, of which %s is understood", path, walked)
				}
				if strings.Contains(path, "NaN") || strings.Contains(path, "Inf") {
					t.Errorf("got %s", path)
				}
			})
		})
	}
}

func TestLongRunHasFewPoints(t *testing.T) {
	r := empty("alpha", 0)
	r.Seconds = 1001
	for i := range 1001 {
		in := load.Interval{At: float64(i), Seconds: 1, Answered: 1, Latency: hist.New()}
		in.Latency.Record(time.Millisecond)
		in.Latency.Fold()
		r.Intervals = append(r.Intervals, in)
	}
	page := pageOf(t, report.Run{Result: r})
	if got := strings.Count(page, `"t":`); got < 5*300 || got > 5*400 {
		t.Errorf("got %d points, want some 400 on each of the lines over time", got)
	}
}

// TestAnyNumbersCanBeWritten: a file may have any number of JSON.
func TestAnyNumbersCanBeWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) float64 {
			return rapid.SampledFrom([]float64{0, 5e-324, 1e-9, 1, 86400, 1e9, math.MaxFloat64}).Draw(t, name)
		}
		whole := func(name string) int64 {
			return rapid.SampledFrom([]int64{0, 1, 1e9, math.MaxInt64}).Draw(t, name)
		}
		r := empty("alpha", rapid.IntRange(0, 2).Draw(t, "length"))
		for i := range r.Intervals {
			in := &r.Intervals[i]
			in.At, in.Seconds = number("at"), number("length")
			in.Answered, in.Conns = whole("messages"), int(whole("conns"))
			in.Latency.Record(time.Duration(whole("latency")))
		}
		slices.SortFunc(r.Intervals, func(a, b load.Interval) int { return cmp.Compare(a.At, b.At) })
		r.Seconds, r.Answered, r.Sent, r.BytesIn = number("seconds"), whole("answered"), whole("sent"), whole("bytes")
		r.Plan.Rate, r.Plan.Conns, r.Plan.Duration = load.PerSecond(number("rate")), int(whole("conns")), time.Duration(whole("duration"))
		r.CPU = load.CPU{Client: number("own"), System: number("system")}
		r.Lost = whole("lost")
		r.Due = r.Answered + r.Lost
		r, err := readRun("a.json", strings.NewReader(written(t, r)))
		if err != nil {
			t.Skip(err) // the file is refused
		}
		runs := []report.Run{{Name: "a", Result: r}}
		if err := report.WriteText(io.Discard, runs, false); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Merge(runs); err != nil {
			t.Fatal(err)
		}
		var page strings.Builder
		if err := report.WriteHTML(&page, runs); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"NaN", "Inf"} {
			if before, _, found := strings.Cut(page.String(), word); found {
				t.Fatalf("the page holds %s%s", before[max(0, len(before)-80):], word)
			}
		}
	})
}
