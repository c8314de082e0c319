package comparison

import (
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sampleReport has an example of everything in a report.
func sampleReport() Report {
	failed := ServerResult{Name: "netpoll", Failure: "load: exit status 1\nthe server | ended a connection"}
	one, two := at("echod epoll --loops 1", 1, 1), at("echod epoll --loops 2", 1.1, 1)
	two.Shares = [][]int{{510, 490}}
	discarded := at(C, 1, 1)
	discarded.Discarded = []Discard{{3, Disturbance{Others, 0.012}}, {4, Disturbance{Stolen, 0.01}}, {5, Disturbance{Others, 0.014}}}
	r := Report{
		Date:        time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
		Environment: Environment{Processor: "A & B", Processors: 2, ClientCPU: 1, Kernel: "6.18", Go: "go1.26", CC: "cc"},
		Seed:        7, Warmup: 0.03, Seconds: 0.25, Tolerance: 0.02,
		Results: []Result{
			{Workload: Workload{Stream, 50, 64, 1}, Tried: 99, Servers: []ServerResult{discarded, at("echod epoll", 0.99, 1.01), at("gnet", 0.125, 6), failed}},
			{Workload: DatagramWorkloads()[1], Servers: []ServerResult{at(C, 1, 1), at("echod epoll", 0.9, 1)}},
			{Workload: IdleWorkload(), Servers: []ServerResult{held(C, 0), held("echod epoll", 65, 66, 64)}},
			{Workload: Workload{Stream, 1000, 64, 1}, Free: true, Servers: []ServerResult{one, two}},
			{Workload: Workload{Stream, 1, 64, 1}, Servers: []ServerResult{at(C, 1, 1), at(BuildA, 1.05, 1), at(BuildB, 1, 1)}},
		},
	}
	for i := range r.Results {
		r.Results[i] = compared(r.Results[i])
	}
	calls, allocations := 2.02, 0.004
	small := &r.Results[0]
	small.Servers[1].Costs = &Costs{SystemCalls: &calls, Allocations: &allocations}
	small.Servers[2].Costs = &Costs{Why: "permission denied"}
	small.Latency = latencies(0.7, slices.Repeat([]float64{1}, 25), slices.Repeat([]float64{1.1}, 25))
	small.Latency.Rate = 70000
	return r
}

func TestMarkdownHasEverything(t *testing.T) {
	var text strings.Builder
	if err := sampleReport().WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 50×64 B         | echod epoll           | C                     | ≥ 0.97       | 0.990 (0.990–0.990) | 40 ",
		"| UDP 16×64 B×32 ", "**missed**",
		"| idle 15000×64 B | echod epoll           |                       | ≤ 66 B       | 65 (64–66) ",
		"| 510 490 ", "1.04",
		"| p99 ≤ 1.05   | 1.100 (1.100–1.100) | 25    |                     | **missed** ", "| 70000      | 70 %    | 1100000.0 | 1.100 (1.100–1.100) | 1100000.0 | 1.100 (1.100–1.100) | 25    |",
		"| 2.02                       | 0.00 ", "costs: permission denied",
		"| failed ", "seed 7", "does not say how long other processes ran",
		"| 1×64 B   | 1.050 (1.050–1.050) | 40 ", "A is faster",
		"| 99     | 3           | 13.0 ms of other processes (2 times) | 1.000 (1.000–1.000) | valid ",
		"load: exit status 1 the server / ended a connection",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in:\n%s", want, &text)
		}
	}
}

func TestRowsHaveAsManyCellsAsTheHead(t *testing.T) {
	var text strings.Builder
	if err := sampleReport().WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	columns := 0
	for line := range strings.Lines(text.String()) {
		got := strings.Count(line, "|")
		if columns > 0 && got > 0 && got != columns {
			t.Errorf("got %d bars, want %d: %s", got, columns, line)
		}
		columns = got
	}
}

func TestChartIsWellFormedAndHasEveryDot(t *testing.T) {
	var text strings.Builder
	if err := sampleReport().WriteSVG(&text); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(text.String())); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// C again, echod and gnet; C again and echod; C again, A and B: each in both panels; netpoll failed.
	if got, want := strings.Count(text.String(), "<title>"), 2*(3+2+3); got != want {
		t.Errorf("got %d dots, want %d", got, want)
	}
}

func TestNamesFitIntoTheChart(t *testing.T) {
	for _, w := range slices.Concat(StreamWorkloads(), []Workload{ChurnWorkload()}, DatagramWorkloads(), TrainWorkloads()) {
		const perRune = 7.5 // pixels, about
		if n := float64(utf8.RuneCountInString(w.String())); n*perRune > labels-10 {
			t.Errorf("%v does not fit into %d pixels", w, labels-10)
		}
	}
	unique := slices.Compact(slices.Sorted(slices.Values(colours)))
	if len(unique) < 12 { // C again, C recvmmsg, three of echod, seven other Go servers
		t.Errorf("got %d colours, want one for each server", len(unique))
	}
}

func TestChartLimitsRatios(t *testing.T) {
	tests := []struct{ ratio, want float64 }{
		{0.01, 0}, {leastRatio, 0}, {1, panel / 2}, {mostRatio, panel}, {50, panel},
	}
	for _, tt := range tests {
		if got := xOffset(tt.ratio); got != tt.want {
			t.Errorf("xOffset(%v): got %v, want %v", tt.ratio, got, tt.want)
		}
	}
}

func TestSavedReportHasTheSameTables(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.json")
	if err := sampleReport().Save(name); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(read(name), "\n"); lines < 40*12 {
		t.Errorf("got %d lines, want one for each slice", lines)
	}
	again, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	var want, got strings.Builder
	if err := sampleReport().WriteMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	if err := again.WriteMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("got:\n%s\nwant:\n%s", &got, &want)
	}
}

func TestRepeatedResultReplacesTheFormerOne(t *testing.T) {
	r := sampleReport()
	again := Report{Date: r.Date.Add(time.Hour), Environment: Environment{Commit: "abc"}, Tolerance: 0.1, Results: []Result{
		compared(Result{Workload: r.Results[0].Workload, Servers: []ServerResult{at(C, 1, 1), at("echod epoll", 1.5, 1)}}),
	}}
	before := len(r.Results)
	r.Replace(again)
	if len(r.Results) != before || r.Results[0].Repeated == nil {
		t.Fatalf("got %d results, the first repeated: %v; want %d, and true", len(r.Results), r.Results[0].Repeated != nil, before)
	}
	var text strings.Builder
	if err := r.WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	if want := "* 50x64x1: measured again at 2026-11-23 03:00, echod abc, and other processes could run for 10 % of a slice\n"; !strings.Contains(text.String(), want) {
		t.Errorf("got\n%s\nwant %q in it", text.String(), want)
	}
}
