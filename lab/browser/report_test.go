package browser

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"echod/check"
	classes "echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
	"echod/internal/search"
)

// measured returns a run of an open loop: slower in the middle, where the generator is late, and
// with failures.
func measured(t *testing.T, seed uint64, length int, rate float64, median time.Duration) *load.Result {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	sizes, err := load.ParseSizes("64:9,4KiB-64KiB:1")
	if err != nil {
		t.Fatal(err)
	}
	r := &load.Result{Format: load.Format, Echod: "(devel)", Started: time.Date(2026, 11, 23, 2, 14, 39, 0, time.UTC),
		Environment: load.Environment{Host: "generator-7.measurements.example.net", OS: "linux", Arch: "amd64", Kernel: "6.18.2", CPU: "Xeon E-2388G", CPUs: 2, Go: "go1.26.0"},
		Plan: load.Plan{URL: "tcp://echo-with-a-long-name.measurements.example.net:7007", Conns: 50, Sizes: sizes, Rate: load.PerSecond(rate),
			Duration: time.Duration(length) * time.Second, Timeout: 5 * time.Second, Verify: true, Seed: seed},
		Seconds: float64(length), Latency: hist.New(), SchedulingDelay: hist.New(), Connect: hist.New(), Failed: load.Classes{classes.Reset: 3, classes.Timeout: 4}}
	for i := range length {
		in := load.Interval{At: float64(i), Seconds: 1, Conns: 50, Latency: hist.New(), SchedulingDelay: hist.New()}
		slow := 1 + 20*math.Exp(-math.Pow(float64(i-length/2), 2))
		for range 500 {
			in.Latency.Record(time.Duration(float64(median) * slow * math.Exp(random.NormFloat64()/2)))
			in.SchedulingDelay.Record(time.Duration(slow * slow * random.Float64() * 1e5))
		}
		in.Due, in.Answered, in.BytesIn = 500, 500, 32000
		r.Due, r.Answered = r.Due+in.Due, r.Answered+in.Answered
		r.Latency.Add(in.Latency)
		r.SchedulingDelay.Add(in.SchedulingDelay)
		r.Intervals = append(r.Intervals, in)
	}
	r.Intervals[length/2].Failed, r.Due, r.Sent = 7, r.Due+7, r.Due
	return r
}

// searched returns a search that found a capacity, above which the generator was the limit if
// behind is true.
func searched(t *testing.T, seed uint64, capacity float64, behind bool) *report.Find {
	t.Helper()
	f := &report.Find{Format: report.FindFormat, Verdict: search.Found, Repeats: 5, Met: 5, Confidence: 0.9375, Precision: 0.05,
		Summary: "found: so many messages per second. 5 of 5 repeats met p99<5ms and success_ratio>99.9%",
		Limits:  []report.Limit{{Threshold: "p99<5ms", Figure: "p99", Bound: 5e-3, Repeated: &report.Repeated{Median: 2e-3, Low: 1.5e-3, High: 4.4e-3}}}}
	outcome := search.Broken
	if behind {
		f.Verdict, outcome = search.Generator, search.Inconclusive
	}
	step := func(phase search.Phase, rate float64) {
		load := rate / capacity
		s := report.Step{Phase: phase, Rate: search.Round(rate), Outcome: search.Met, Result: measured(t, seed, 3, rate, time.Duration(20e3*(1+math.Pow(load, 9))))}
		if load > 1 {
			s.Outcome, s.Thresholds = outcome, []report.Verdict{{Threshold: "p99<5ms", Value: "31.2 ms"}}
		}
		f.Steps = append(f.Steps, s)
	}
	for rate := capacity / 17; rate < 2*capacity; rate *= 2 {
		step(search.Grow, rate)
	}
	step(search.Bisect, capacity*1.04)
	for range 5 {
		step(search.Repeat, capacity)
	}
	f.Rate, f.Above = search.Round(capacity), search.Round(capacity*1.04)
	return f
}

// reports are pages of report by their names.
func reports(t *testing.T) map[string]func(io.Writer) error {
	one := measured(t, 1, 12, 5000, 300*time.Microsecond)
	one.Behind = &load.Behind{Target: 5000, Achieved: 3210, SchedulingDelay: 42 * time.Millisecond}
	one.Wrong = &load.Wrong{Conn: 3, Offset: 4096, Got: `"HTTP/1.1 400 Bad Request"`, Want: `"\x8a\x01\x17"`}
	one.Addresses = []load.Address{{Address: "[2001:db8:1:2:3:4:5:6]:7007", Answered: 3000, Latency: one.Latency, Failed: load.Classes{classes.Reset: 3}},
		{Address: "192.0.2.200:7007", Answered: 3000, Latency: one.Latency}}
	verdicts := []report.Verdict{{Threshold: "p99<5ms", Value: "8.12 ms"}, {Threshold: "success_ratio>99.9%", Met: true, Value: "99.95 %"}}
	var runs []report.Run
	var searches []report.Search
	for i := range 8 {
		name := fmt.Sprintf("engine-%d", i)
		if i == 3 {
			name = "a-result-with-a-very-long-name-of-its-file-that-does-not-end"
		}
		runs = append(runs, report.Run{Name: name, Result: measured(t, uint64(i), 12, 5000, time.Duration(200+40*i)*time.Microsecond)})
		searches = append(searches, report.Search{Name: name, Find: searched(t, uint64(i), 9000*math.Pow(1.4, float64(i)), i%3 == 1)})
	}
	short := measured(t, 5, 1, 1, time.Hour)
	short.Failed, short.Intervals[0].Failed, short.Due = nil, 0, short.Due-7
	return map[string]func(io.Writer) error{
		"run":       func(w io.Writer) error { return report.WriteHTML(w, []report.Run{{Result: one, Verdicts: verdicts}}) },
		"short-run": func(w io.Writer) error { return report.WriteHTML(w, []report.Run{{Result: short}}) },
		"runs":      func(w io.Writer) error { return report.WriteHTML(w, runs) },
		"search":    func(w io.Writer) error { return report.WriteFindHTML(w, searches[1:2]) },
		"searches":  func(w io.Writer) error { return report.WriteFindHTML(w, searches) },
		"check":     func(w io.Writer) error { return report.WriteCheckHTML(w, checks(t, 8)[7:]) },
		"checks":    func(w io.Writer) error { return report.WriteCheckHTML(w, checks(t, 12)) },
		"addresses": func(w io.Writer) error { return report.WriteCheckHTML(w, []report.Check{{Checked: addresses(t)}}) },
		"one-address": func(w io.Writer) error {
			return report.WriteCheckHTML(w, []report.Check{{Checked: addresses(t)[2].Report}})
		},
		"not-an-echo": func(w io.Writer) error {
			return report.WriteCheckHTML(w, []report.Check{{Checked: &check.Report{Target: addresses(t)[1].Target, NotEcho: &check.NotEcho{Kind: check.KindText,
				Detail: "it answers like HTTP", Seen: "64 bytes sent: 370 other bytes", Got: "3c 21 44 4f 43 54 59 50 45 20 48  |<!DOCTYPE H|", Remedy: "check the port in the URL"}}}})
		},
	}
}

// checks returns the first results of docs/matrix, which are comparisons.
func checks(t *testing.T, n int) (all []report.Check) {
	t.Helper()
	paths, err := filepath.Glob("../../docs/matrix/[0-9]*.json")
	if err != nil || len(paths) < n {
		t.Fatalf("got %d results (%v), want %d", len(paths), err, n)
	}
	for _, path := range paths[:n] {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checked, err := check.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, report.Check{Name: strings.TrimSuffix(filepath.Base(path), ".json"), Checked: checked})
	}
	return all
}

// addresses returns the results of three addresses, one of which cannot be reached.
func addresses(t *testing.T) check.AddressReports {
	honest, relay := *checks(t, 1)[0].Checked.(*check.Comparison).Direct, *checks(t, 8)[7].Checked.(*check.Comparison).Path
	relay.Addresses = []check.Address{{Address: "192.0.2.1:7007", Checked: true}, {Address: "[2001:db8:1:2:3:4:5:6]:7007", Class: check.Timeout}}
	gone := check.Target{Network: "tcp", Address: "[2001:db8:1:2:3:4:5:7]:7007"}
	return check.AddressReports{{Target: honest.Target, Report: &honest}, {Target: gone, Err: errors.New("connect: connection refused")}, {Target: relay.Target, Report: &relay}}
}

// TestValuesOfAReportAreShownUnderThePointer moves the pointer over the knees of several searches.
func TestValuesOfAReportAreShownUnderThePointer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.html")
	var page strings.Builder
	if err := report.WriteFindHTML(&page, []report.Search{{Name: "a", Find: searched(t, 1, 9000, false)}, {Name: "b", Find: searched(t, 2, 20000, true)}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(page.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	tb := open(t, "file://"+path)
	tb.turn(desk)
	box := ask[[]float64](tb, `(chart => { chart.scrollIntoView(); const b = chart.getBoundingClientRect(); return [b.right - 2, b.top + b.height / 2]; })(document.querySelector(".chart"))`)
	tb.do(chromedp.MouseEvent("mouseMoved", box[0], box[1]))
	tb.wait(`[...document.querySelectorAll("output")].map(o => o.textContent.replace(/\d+.*: \d+.*, /, "")).join(" ") === "broken inconclusive 5.00 ms"`)
	tb.do(chromedp.MouseEvent("mouseMoved", 1, 1))
	tb.wait(`[...document.querySelectorAll("output")].every(o => o.textContent === "")`)
}

// unpinned scrolls each table to its end, and finds names of rows that are out of sight then.
const unpinned = `(() => {
	const moved = [];
	for (const wide of document.querySelectorAll(".wide")) {
		wide.scrollLeft = 1e6;
		for (const name of wide.querySelectorAll("th[scope=row]")) {
			const box = name.getBoundingClientRect(), frame = wide.getBoundingClientRect();
			if (wide.scrollLeft > 0 && (Math.abs(box.left - frame.left) > 1 || box.width > frame.width / 2)) moved.push(name.textContent);
		}
		wide.scrollLeft = 0;
	}
	return moved;
})()`

// TestReportsAreReadableInEveryWindow also has a sheet of paper.
func TestReportsAreReadableInEveryWindow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, write := range reports(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var page strings.Builder
			if err := write(&page); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name+".html")
			if err := os.WriteFile(path, []byte(page.String()), 0o666); err != nil {
				t.Fatal(err)
			}
			tb := open(t, "file://"+path)
			ask[bool](tb, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
			for _, l := range looks {
				tb.turn(l)
				checkLook(tb, l)
				if moved := ask[[]string](tb, unpinned); l != paper && len(moved) > 0 {
					t.Errorf("%s: names of rows scroll out of sight: %s", l.name, strings.Join(moved, ", "))
				}
				tb.keep("report-" + name + "-" + l.name)
			}
		})
	}
}
