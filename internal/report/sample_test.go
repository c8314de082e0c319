package report_test

import (
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// readRun and readFind read a file of one kind.
func readRun(name string, in io.Reader) (*load.Result, error) {
	d, err := report.Read(name, in)
	return d.Result, err
}

func readFind(name string, in io.Reader) (*report.Find, error) {
	d, err := report.Read(name, in)
	return d.Find, err
}

// wantGolden compares the output of write with testdata/name.
func wantGolden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got strings.Builder
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./internal/report -update rewrites it:\n%s", path, diff)
	}
}

// sample returns a run of that many seconds. Its latency is around a median, with a long
// tail and a slow second in the middle. The same seed gives the same run.
func sample(seed uint64, length int, median time.Duration) *load.Result {
	random := rand.New(rand.NewPCG(seed, 1))
	sizes, err := load.ParseSizes("64:9,4KiB-64KiB:1")
	if err != nil {
		panic(err)
	}
	r := &load.Result{
		Format: load.Format, Echod: "0.5.0",
		Environment: load.Environment{Host: "alpha", OS: "linux", Arch: "amd64", Kernel: "6.18.2",
			CPU: "Xeon E-2388G", CPUs: 2, Go: "go1.26.0"},
		Plan: load.Plan{URL: "tcp://192.0.2.7:7007", Conns: 50, Depth: 1, Sizes: sizes, Warmup: time.Second,
			Duration: time.Duration(length) * time.Second, Timeout: 5 * time.Second, Verify: true, Seed: seed},
		Started: time.Date(2026, 11, 23, 2, 14, 39, 0, time.UTC), Seconds: float64(length),
		Latency: hist.New(), Connect: hist.New(), CPU: load.CPU{Client: 0.91 * float64(length), System: 1.87 * float64(length)},
	}
	for range 50 {
		r.Connect.Record(time.Duration(40+random.IntN(90)) * time.Microsecond)
	}
	for i := range length {
		slow := 1.0
		if i == length/2 {
			slow = 4
		}
		second := load.Interval{At: float64(i), Seconds: 1, Conns: 50, Latency: hist.New()}
		for range int((1900 + float64(random.IntN(200))) / slow) {
			spread := math.Exp(random.NormFloat64()*0.25) * slow
			if random.IntN(300) == 0 {
				spread *= 3 + random.ExpFloat64()*5
			}
			d := time.Duration(float64(median) * spread)
			second.Latency.Record(d)
			r.Latency.Record(d)
		}
		second.Answered = second.Latency.Count()
		second.Due = second.Answered
		second.Latency.Fold()
		second.BytesIn = second.Answered * 64
		r.Answered += second.Answered
		r.BytesIn += second.BytesIn
		r.Intervals = append(r.Intervals, second)
	}
	r.Due, r.Sent, r.BytesOut, r.Connects = r.Answered, r.Answered, r.BytesIn, 50
	r.AnsweredInTime, r.BytesInTime = r.Answered, r.BytesIn
	return r
}

// one returns a list of one run.
func one(r *load.Result) []report.Run { return []report.Run{{Result: r}} }

// troubled returns a run with every kind of problem that a report can show.
func troubled() *load.Result {
	r := sample(3, 6, 300*time.Microsecond)
	r.Plan.URL, r.Plan.Rate, r.Plan.Verify, r.Interrupted = "udp://192.0.2.7:7007", load.PerSecond(5000), false, true
	r.SchedulingDelay = hist.New()
	for i, step := range []time.Duration{time.Microsecond, time.Microsecond, 2 * time.Microsecond, 40 * time.Microsecond, 90 * time.Microsecond, time.Microsecond} {
		delay := hist.New()
		for n := range 1000 {
			delay.Record(time.Duration(n) * step)
		}
		r.SchedulingDelay.Add(delay)
		delay.Fold()
		r.Intervals[i].SchedulingDelay = delay
	}
	r.Failed = load.Classes{dial.Unreachable: 31, dial.Refused: 1204, "": 2, dial.Reset: 0}
	r.Lost, r.Duplicated = 600, 2
	for i, n := range []struct{ failed, lost int64 }{2: {31, 0}, 3: {900, 100}, 4: {306, 500}} {
		in := &r.Intervals[i]
		in.Failed, in.Lost, in.Due = n.failed, n.lost, in.Due+n.failed+n.lost
	}
	r.Due += r.Failed.Total() + r.Lost
	r.ConnectsFailed, r.Disconnects = load.Classes{dial.Local: 3}, load.Classes{dial.Refused: 1}
	server, memory := 5.2, int64(13<<20)
	r.CPU.Server, r.CPU.ServerRSS = &server, &memory
	r.Behind = &load.Behind{Target: 5000, Achieved: 1834.4, SchedulingDelay: r.SchedulingDelay.Quantile(0.99)}
	r.Wrong = &load.Wrong{Conn: 3, Offset: 4096, Got: `"HTTP/1.1 400"`, Want: `"\x8a\x01\x17"`}
	return r
}
