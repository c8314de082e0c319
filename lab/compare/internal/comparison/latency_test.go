package comparison

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// builtEchod builds echod once for all tests.
var builtEchod = sync.OnceValues(func() (string, error) {
	return BuildEchod(context.Background(), filepath.Join("..", "..", "..", ".."), toolsDir)
})

// TestLatencyIsMeasuredForCAndEchod runs the real generator against C and echod.
func TestLatencyIsMeasuredForCAndEchod(t *testing.T) {
	b := shortRunner(t)
	b.MaxPairs, b.LatencyPairs = 1, 3  // the rounds of one are not those of the other
	b.Measure = 100 * time.Millisecond // on a busy machine, nothing comes back in much less
	var err error
	if b.Bench, err = builtEchod(); err != nil {
		t.Fatal(err)
	}
	servers := []Server{CStreams(b.Tools), Echod(b.Bench, "epoll", "tcp"), CStreamsOnUring(b.Tools)}
	result, err := b.Run(t.Context(), Case{Workload: Workload{Stream, 2, 64, 1}, Servers: servers}, none)
	if err != nil {
		t.Fatal(err)
	}
	l := result.Latency
	if l == nil || l.Why != "" {
		t.Fatalf("got %+v, want latencies", l)
	}
	if want := latencyShare * median(Throughput.Values(result.Servers[0])); l.Rate != want || l.Share != latencyShare {
		t.Errorf("got %v messages per second, %v of C; want %v", l.Rate, l.Share, want)
	}
	var names []string
	for _, e := range l.Servers {
		names = append(names, e.Name)
		for _, s := range e.Slices {
			if s.P50 <= 0 || s.P99 < s.P50 || s.ClientSeconds <= 0 {
				t.Errorf("%s: got %+v, want percentiles and CPU time", e.Name, s)
			}
		}
		if e.Failure != "" || len(e.Slices) != b.LatencyPairs {
			t.Errorf("%s: got %q and %d slices, want %d", e.Name, e.Failure, len(e.Slices), b.LatencyPairs)
		}
	}
	if want := []string{C, C + again, epoll}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if l.CannotTell() == "" {
		t.Error("two pairs are enough for a verdict, want too few")
	}
}

func TestOnlySmallStreamsHaveLatency(t *testing.T) {
	var got []string
	all := slices.Concat(StreamWorkloads(), DatagramWorkloads(), []Workload{ChurnWorkload(), IdleWorkload()})
	for _, w := range all {
		if w.measuresLatency() {
			got = append(got, w.Key())
		}
	}
	if want := []string{"1x64x1", "50x64x1", "1000x64x1", "50x64x16"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const benchResult = `{"seconds":2,"figures":{"latency_p50_seconds":0.001,"latency_p99_seconds":0.004,` +
	`"messages_per_second":50,"failed":0,"scheduling_delay_p99_seconds":0.02}}`

// benchScript returns a program that prints output and exits with code.
func benchScript(t *testing.T, output, code string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bench")
	script := "#!/bin/sh\necho '" + output + "'\necho why >&2\nexit " + code + "\n"
	if err := os.WriteFile(name, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// skipIfStolen skips a test that other guests of the host have disturbed.
func skipIfStolen(t *testing.T, d *Disturbance) {
	t.Helper()
	if d != nil && d.Reason == Stolen {
		t.Skip(d)
	}
}

// TestSliceWithNothingInTimeIsThrownAway also when none is thrown away because it was disturbed: it has no p99.
func TestSliceWithNothingInTimeIsThrownAway(t *testing.T) {
	c := &cell{Runner: shortRunner(t), monitor: newMonitor(0, 1)}
	c.Bench = benchScript(t, `{"seconds":2,"figures":{"scheduling_delay_p99_seconds":6}}`, "3")
	c.running = []contender{{server: here(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7})}}
	if _, disturbed, err := c.latencySlice(t.Context(), 0, 50); err != nil || disturbed == nil || *disturbed != (Disturbance{Behind, 6}) {
		t.Errorf("got %v, %v, want that the generator was late", disturbed, err)
	}
}

func TestLateSliceIsThrownAway(t *testing.T) {
	c := &cell{Runner: shortRunner(t), monitor: newMonitor(0, 1)}
	c.running = []contender{{server: here(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7})}}
	for code, want := range map[string]string{"0": "", "3": Behind} {
		c.Bench = benchScript(t, benchResult, code)
		for _, tolerance := range []float64{0, 1000} { // 1000: other processes do not matter
			c.Tolerance = tolerance
			_, disturbed, err := c.latencySlice(t.Context(), 0, 50)
			skipIfStolen(t, disturbed)
			late := disturbed != nil && disturbed.Reason == Behind
			if err != nil || late != (want == Behind && tolerance > 0) {
				t.Errorf("exit code %s, tolerance %v: got %v, %v, want %q", code, tolerance, disturbed, err, want)
			}
		}
	}
}

// TestTimeOfTheGeneratorIsNotThatOfOthers has a file in place of the run times of the kernel.
func TestTimeOfTheGeneratorIsNotThatOfOthers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "usage")
	c := &cell{
		Runner:  Runner{Tolerance: 0.02},
		monitor: monitor{cpus: []int{0, 1}, runTime: runTimeSource{name, runTimeOfCpuacct}},
	}
	r := contender{server: here(t, &net.TCPAddr{})}
	for ended, want := range map[time.Duration]bool{0: true, time.Hour: false} {
		ran := func(text string) {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ran("0 0")
		_, disturbed, err := c.watch(r, func() (Sample, time.Duration, error) {
			ran("0 3600000000000") // an hour on CPU 1
			return Sample{}, ended, nil
		})
		skipIfStolen(t, disturbed)
		if err != nil || (disturbed != nil) != want {
			t.Errorf("a generator used %v of an hour: got %v, %v, want others: %v", ended, disturbed, err, want)
		}
	}
}

// TestOutputOfBenchIsRead runs scripts in place of echod.
func TestOutputOfBenchIsRead(t *testing.T) {
	const result = benchResult
	const noneInTime = `{"seconds":2,"figures":{"latency_p99_seconds":0,"messages_per_second":0,"failed":9,"failed_local":7,"failed_timeout":2,"scheduling_delay_p99_seconds":0.02}}`
	tests := []struct {
		name, output string
		code         string
		behind       bool
		err          string
	}{
		{"a result", result, "0", false, ""},
		{"behind its schedule", result, "3", true, ""},
		{"so far behind that nothing was sent in time", noneInTime, "3", true, ""},
		{"nothing in time, but not behind", noneInTime, "0", false, "none came back"},
		{"behind, and a connection failed", strings.Replace(noneInTime, `"failed":9`, `"failed":10`, 1), "3", false, "exit status 3: why"},
		{"a wrong byte", result, "1", false, "exit status 1: why"},
		{"nothing came back", "", "3", false, "why"},
		{"messages failed", strings.Replace(result, `"failed":0`, `"failed":1`, 1), "0", false, "messages failed"},
		{"another format", `{"figures":{}}`, "0", false, "none came back"},
	}
	b := shortRunner(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.Bench = benchScript(t, tt.output, tt.code)
			got, behind, err := b.bench(t.Context(), "7", 1, 50)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %+v, %v, want an error with %q", got, err, tt.err)
				}
			case tt.output == noneInTime && got.P99 != 0 || tt.output == result && (got.P50 != 0.001 || got.P99 != 0.004 || got.Messages != 100) || err != nil || got.Seconds != 2:
				t.Errorf("got %+v, %v, want the figures of the output", got, err)
			case tt.behind != (behind != nil) || tt.behind && *behind != Disturbance{Behind, 0.02}:
				t.Errorf("got %v, want behind: %v", behind, tt.behind)
			}
		})
	}
}

func TestShareIsTheHighestAtWhichTheGeneratorIsOnTime(t *testing.T) {
	on, late, others := (*Disturbance)(nil), &Disturbance{Behind, 1}, &Disturbance{Others, 1}
	tests := []struct {
		name   string
		slices []*Disturbance // the last one again and again
		want   float64        // 0: an error
		err    string
	}{
		{"fast enough", []*Disturbance{on}, 0.7, ""},
		{"late once", []*Disturbance{late, on}, 0.7, ""},
		{"a little too slow", []*Disturbance{on, late, late, on}, 0.6, ""},
		{"too slow for 60 %", []*Disturbance{late, late, late, late, on}, 0.5, ""},
		{"half as fast", []*Disturbance{late, late, late, late, late, on, late, on}, 0.4, ""},
		{"much too slow", append(slices.Repeat([]*Disturbance{late}, 12), on), 0.1, ""},
		{"other processes", []*Disturbance{others, on, others, others, on}, 0.7, ""},
		{"only other processes", []*Disturbance{others}, 0, "30 slices do not show whether the generator is on time at 70 %"},
		{"always late", []*Disturbance{late}, 0, "even at 10 %"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			got, err := findShare(func(float64) (*Disturbance, error) {
				n++
				return tt.slices[min(n, len(tt.slices))-1], nil
			})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, %v after %d slices, want %v, %q", got, err, n, tt.want, tt.err)
			}
		})
	}
	t.Run("an error", func(t *testing.T) {
		failure := errors.New("the reason")
		if got, err := findShare(func(float64) (*Disturbance, error) { return nil, failure }); !errors.Is(err, failure) {
			t.Errorf("got %v, %v, want %v", got, err, failure)
		}
	})
}

// TestLatencyIsMeasuredAtTheShareThatCanBeSent has a generator that is late above 55 % of the rate
// that it is first asked for as 70 %.
func TestLatencyIsMeasuredAtTheShareThatCanBeSent(t *testing.T) {
	const peak = 1000
	b := shortRunner(t)
	b.Tolerance = 1000 // other processes do not matter
	b.LatencyPairs = 1000
	b.Bench = filepath.Join(t.TempDir(), "bench")
	script := "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --rate ] && rate=$2; shift; done\n" +
		"echo '" + benchResult + "'\n[ $rate -le 550 ] || exit 3\n"
	if err := os.WriteFile(b.Bench, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	m := Case{Workload: Workload{Stream, 2, 64, 1}, Servers: []Server{{Name: C}, {Name: C + again}}}
	result := Result{Workload: m.Workload, Servers: []ServerResult{
		{Name: C, Slices: []Slice{{0, Sample{Seconds: 1, Messages: peak}}}}, {Name: C + again},
	}}
	c := b.newCell(m, &result)
	asleep := exec.CommandContext(t.Context(), "sleep", "60") // no process takes its CPU away
	if err := asleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer killCommand(asleep, nil)
	for i := range c.running {
		c.running[i] = contender{server: &process{port: "7", cmd: asleep}}
	}
	c.measureLatency(t.Context(), none)
	l := result.Latency
	if l.Share != 0.5 || l.Rate != 0.5*peak || l.Why != "" {
		t.Errorf("got %v, %q, want slices at half of %v", l, l.Why, peak)
	}
	if got := l.ratio(Versus{C + again, C}).P99.Pairs; got != minPairs {
		t.Errorf("got %d pairs of the same p99, want %d: then it is decided", got, minPairs)
	}
	if want := "up to 50 % of the throughput of C"; !strings.Contains(l.CannotTell(), want) {
		t.Errorf("got %q, want %q in it", l.CannotTell(), want)
	}
}

func TestProgressSaysWhyThereIsNoLatency(t *testing.T) {
	l := &Latency{Why: "the reason", Result: Result{Servers: []ServerResult{{Name: C}}}}
	if got, want := l.String(), "no latency: the reason"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLatencyEndsWhenP99IsPrecise(t *testing.T) {
	flat := func(n int) []float64 { return slices.Repeat([]float64{1}, n) }
	wide := append(slices.Repeat([]float64{0.9}, 13), slices.Repeat([]float64{1.1}, 12)...)
	failed := latencies(0.7, flat(25), wide)
	failed.Servers[2].Failure = "the reason"
	tests := []struct {
		name string
		l    *Latency
		want bool
	}{
		{"precise", latencies(0.7, flat(minPairs), flat(minPairs)), true},
		{"too few pairs", latencies(0.7, flat(minPairs-1), flat(minPairs-1)), false},
		{"C again varies", latencies(0.7, wide, flat(25)), false},
		{"epoll varies", latencies(0.7, flat(25), wide), false},
		{"epoll has failed", failed, true},
	}
	for _, tt := range tests {
		if got := tt.l.decided(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// latencies returns a latency whose servers have these values of p99 in each round.
func latencies(share float64, itself, server []float64) *Latency {
	l := &Latency{Share: share}
	one := slices.Repeat([]float64{1}, len(itself))
	for i, values := range [][]float64{one, itself, server} {
		e := ServerResult{Name: []string{C, C + again, epoll}[i]}
		for round, v := range values {
			e.Slices = append(e.Slices, Slice{round, Sample{P50: v, P99: v}})
		}
		l.Servers = append(l.Servers, e)
	}
	l.compare(1)
	return l
}

func TestVerdictsOfLatency(t *testing.T) {
	const pairs = 25
	flat := func(v float64) []float64 { return slices.Repeat([]float64{v}, pairs) }
	wide := append(slices.Repeat([]float64{0.8}, 13), slices.Repeat([]float64{1.3}, 12)...)
	disturbed := latencies(0.7, flat(1), flat(1))
	disturbed.Tried, disturbed.Disturbed = 60, true
	failed := latencies(0.7, flat(1), nil)
	failed.Servers[2].Failure = "the reason"
	tests := []struct {
		name string
		l    *Latency
		want Verdict
		why  string
	}{
		{"the same", latencies(0.7, flat(1), flat(1)), Met, ""},
		{"exactly the limit", latencies(0.7, flat(1), flat(1.05)), Met, ""},
		{"longer", latencies(0.7, flat(1), flat(1.06)), Missed, ""},
		{"too wide", latencies(0.7, wide, wide), NotApart, ""},
		{"the base is not as fast as itself", latencies(0.7, flat(1.1), flat(1)), NotApart, "of itself"},
		{"the generator is too slow", latencies(0.4, flat(1), flat(1)), NotApart, "up to 40 % of the throughput of C, not up to 70 %"},
		{"too few pairs", latencies(0.7, []float64{1, 1}, []float64{1, 1}), NotApart, "2 pairs"},
		{"disturbed", disturbed, NotApart, "of 60 slices"},
		{"failed", failed, Failed, "the reason"},
		{"nothing measured", &Latency{Why: "the reason", Result: Result{Servers: []ServerResult{{Name: C}}}}, NotApart, "the reason"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			goal := Goal{Versus: Versus{epoll, C}, P99: 1.05}
			if measured := (Check{Result: Result{Latency: tt.l}, Goal: goal}).Measured(); (measured == "") != (tt.l.ratio(goal.Versus).P99.Pairs == 0) {
				t.Errorf("got %q as what was measured, want nothing without pairs", measured)
			}
			got, why := tt.l.check(goal)
			if got != tt.want || !strings.Contains(why, tt.why) || tt.why == "" && why != "" {
				t.Errorf("got %v, %q, want %v, %q", got, why, tt.want, tt.why)
			}
		})
	}
}
