package report_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// empty returns a run of that many seconds without messages.
func empty(host string, length int) *load.Result {
	r := &load.Result{
		Format: load.Format, Echod: "0.5.0", Environment: load.Environment{Host: host, CPUs: 2, OS: "linux"},
		Plan:    load.Plan{URL: "udp://192.0.2.7:7007", Depth: 1, Seed: 7},
		Started: time.Date(2026, 11, 23, 2, 14, 39, 0, time.UTC), Seconds: float64(length),
		Latency: hist.New(), SchedulingDelay: hist.New(),
		Failed: load.Classes{}, ConnectsFailed: load.Classes{}, Disconnects: load.Classes{},
	}
	for i := range length {
		r.Intervals = append(r.Intervals, load.Interval{At: float64(i), Seconds: 1, Latency: hist.New(), SchedulingDelay: hist.New()})
	}
	return r
}

// event is a message at some time, answered or not.
type event struct {
	second  int
	latency time.Duration
	class   dial.Class // "": it was answered
}

func happen(r *load.Result, e event) {
	in := &r.Intervals[e.second]
	r.Sent++
	r.BytesOut += 64
	r.Due++
	r.Connects++
	if e.class == dial.Timeout {
		r.Lost++
		in.Lost++
		return
	}
	if e.class != "" {
		r.Failed[e.class]++
		r.ConnectsFailed[e.class]++
		r.Disconnects[e.class] += 2
		in.Failed++
		return
	}
	r.Answered++
	r.BytesIn += 64
	r.AnsweredInTime++
	r.BytesInTime += 64
	r.Duplicated += int64(e.second)
	r.Reordered += 2 * int64(e.second)
	r.Late += 3 * int64(e.second)
	r.Foreign += 4 * int64(e.second)
	in.Answered++
	in.BytesIn += 64
	r.Latency.Record(e.latency)
	r.SchedulingDelay.Record(e.latency / 10)
	in.Latency.Record(e.latency)
	in.SchedulingDelay.Record(e.latency / 10)
}

// share sets the connections of a generator, and the time to connect.
func share(r *load.Result, conns int, cpu float64) *load.Result {
	r.Plan.Conns += conns
	r.CPU.Client += cpu
	for i := range r.Intervals {
		r.Intervals[i].Conns += conns
	}
	return r
}

func named(results ...*load.Result) []report.Run {
	var runs []report.Run
	for i, r := range results {
		runs = append(runs, report.Run{Name: string(rune('a'+i)) + ".json", Result: r})
	}
	return runs
}

func TestMergeOfPartsEqualsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(1, 3).Draw(t, "length")
		events := rapid.SliceOf(rapid.Custom(func(t *rapid.T) event {
			return event{
				second:  rapid.IntRange(0, length-1).Draw(t, "second"),
				latency: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "latency")),
				class:   rapid.SampledFrom([]dial.Class{"", "", dial.Timeout, dial.Reset}).Draw(t, "class"),
			}
		})).Draw(t, "events")
		parts := []*load.Result{share(empty("alpha", length), 10, 1), share(empty("beta", length), 20, 2), share(empty("gamma", length), 5, 4)}
		whole := share(empty("alpha + beta + gamma", length), 35, 7)
		whole.Environment.CPUs = 6
		for i, e := range events {
			happen(whole, e)
			happen(parts[i%len(parts)], e)
		}
		got := merged(t, parts...)
		like := cmp.Options{planLike, cmpopts.IgnoreFields(load.Result{}, "Parts"), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(whole, got, like); diff != "" {
			t.Fatalf("the whole and its parts (-want +got)\n%s", diff)
		}
		if step := merged(t, merged(t, parts[:2]...), parts[2]); !cmp.Equal(got, step, planLike) {
			t.Fatalf("all at once and one after another (-want +got)\n%s", cmp.Diff(got, step, planLike))
		}
	})
}

func merged(t interface{ Fatal(...any) }, results ...*load.Result) *load.Result {
	r, err := report.Merge(named(results...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMergeDoesNotChangeItsInput(t *testing.T) {
	a, b := sample(1, 3, time.Millisecond), sample(2, 3, time.Millisecond)
	a.Failed, a.Due = load.Classes{dial.Reset: 1}, a.Due+1
	b.Environment.Host, b.Failed, b.Due = "beta", a.Failed, b.Due+1
	before := written(t, a)
	merged(t, a, b)
	if diff := cmp.Diff(before, written(t, a)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMergeAlignsSecondsByTheClock(t *testing.T) {
	a, b := share(empty("alpha", 3), 1, 1), share(empty("beta", 3), 1, 1)
	b.Started = b.Started.Add(1300 * time.Millisecond)
	happen(a, event{second: 1, latency: time.Millisecond})
	happen(b, event{second: 0, latency: time.Second})
	happen(b, event{second: 2, latency: time.Second})
	got := merged(t, b, a)
	if !got.Started.Equal(a.Started) || got.Seconds != 4.3 {
		t.Errorf("got %v for %v s, want %v for 4.3 s", got.Started, got.Seconds, a.Started)
	}
	var counts []int64
	var conns []int
	for i, interval := range got.Intervals {
		if interval.At != float64(i) || interval.Seconds != 1 {
			t.Errorf("interval %d is from %v s for %v s", i, interval.At, interval.Seconds)
		}
		counts, conns = append(counts, interval.Answered), append(conns, interval.Conns)
	}
	if diff := cmp.Diff([]int64{0, 2, 0, 1}, counts); diff != "" {
		t.Errorf("messages (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 2, 2, 1}, conns); diff != "" {
		t.Errorf("connections (-want +got)\n%s", diff)
	}
}

// Two generators of 300 messages a second put a load of 600 on the server, also if one began
// later.
func TestMergedRatesAreSums(t *testing.T) {
	part := func(host string, offset time.Duration) *load.Result {
		r := share(empty(host, 2), 10, 1)
		r.Started = r.Started.Add(offset)
		for i := range 600 {
			happen(r, event{second: i / 300, latency: time.Millisecond})
		}
		return r
	}
	for _, tt := range []struct {
		offset time.Duration
		warns  bool
	}{{0, false}, {100 * time.Millisecond, false}, {time.Second, true}} {
		var text strings.Builder
		if err := report.WriteText(&text, one(merged(t, part("alpha", 0), part("beta", tt.offset))), false); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"throughput +600/s", "received +37.5 KiB/s", "client CPU +100 %"} {
			if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text.String()) {
				t.Errorf("offset %v: want %q in\n%s", tt.offset, line, text.String())
			}
		}
		if warns := strings.Contains(text.String(), "\napart: the parts have 1.00 s of 2.00 s in common, "); warns != tt.warns {
			t.Errorf("offset %v: got a warning %t, want %t:\n%s", tt.offset, warns, tt.warns, text.String())
		}
	}
}

func TestMergeCountsOneMachineOnce(t *testing.T) {
	server, memory := 3.0, int64(1<<20)
	part := func(host string, pid int) *load.Result {
		r := share(empty(host, 1), 1, 1)
		r.Plan.ServerPID, r.Plan.Seed = pid, uint64(r.Started.Nanosecond()+pid)
		r.CPU = load.CPU{Client: 1, System: 8, Server: &server, ServerRSS: &memory}
		return r
	}
	a, b, c := part("alpha", 1), part("alpha", 1), part("beta", 1)
	b.Plan.Seed = 9
	got := merged(t, a, b, c).CPU
	servers, memories := 6.0, int64(2<<20)
	if diff := cmp.Diff(load.CPU{Client: 3, System: 16, Server: &servers, ServerRSS: &memories}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c.CPU.System = 0
	if got := merged(t, a, c).CPU.System; got != 0 {
		t.Errorf("got %v s of system CPU, want 0: one machine could not tell", got)
	}
}

func TestMergeKeepsWarnings(t *testing.T) {
	a, b := empty("alpha", 2), empty("beta", 2)
	b.Interrupted, b.Wrong = true, &load.Wrong{Conn: 3, Got: "x", Want: "y"}
	got := merged(t, a, b)
	if !got.Interrupted || !cmp.Equal(got.Wrong, b.Wrong) {
		t.Errorf("got interrupted %v and wrong %+v, want those of one part", got.Interrupted, got.Wrong)
	}
}

func TestMergeAddsUpHowFarGeneratorsAreBehind(t *testing.T) {
	a, b := share(empty("alpha", 2), 1, 1), share(empty("beta", 2), 1, 1)
	a.Plan.Rate, b.Plan.Rate = load.PerSecond(1000), load.PerSecond(500)
	a.Behind = &load.Behind{Target: 1000, Achieved: 800, SchedulingDelay: time.Millisecond}
	b.Due = 1000
	b.SchedulingDelay.Record(2 * time.Second)
	got := merged(t, a, b)
	want := &load.Behind{Target: 1500, Achieved: 1300, SchedulingDelay: got.SchedulingDelay.Max()}
	if diff := cmp.Diff(want, got.Behind); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestOnlyPartsOfOneRunAreMerged(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *load.Result)
		want   string
	}{
		{"another server", func(r *load.Result) { r.Plan.URL = "udp://192.0.2.8:7" }, "url is udp://192.0.2.7:7007 in one plan and udp://192.0.2.8:7 in the other"},
		{"another depth", func(r *load.Result) { r.Plan.Depth = 2 }, "depth is 1 in one plan and 2 in the other"},
		{"not compared", func(r *load.Result) { r.Plan.Verify = true }, "verify is false in one plan and true in the other"},
		{"an open loop", func(r *load.Result) { r.Plan.Rate = load.PerSecond(5) }, "one is an open loop, the other a closed one"},
		{"a number of messages", func(r *load.Result) { r.Plan.Messages = 5 }, "one ends after a duration, the other after a number of messages"},
		{"itself", func(r *load.Result) { r.Environment.Host = "alpha" }, "both have the same measurement"},
		{"another day", func(r *load.Result) { r.Started = r.Started.Add(10 * time.Second) }, "one ended 8.00 s before the other began, by their clocks"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := empty("alpha", 2), empty("beta", 2)
			test.change(b)
			_, err := report.Merge(named(a, b))
			if want := "a.json and b.json cannot be merged: " + test.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestPartIsNotMergedTwice(t *testing.T) {
	a, b := empty("alpha", 2), empty("beta", 2)
	both, err := readRun("both.json", strings.NewReader(written(t, merged(t, a, b))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.Merge(named(both, b)); err == nil {
		t.Error("b was added to a sum that holds it")
	}
}

// Two generators at the highest rate have twice that together.
func TestMergedResultIsReadAgain(t *testing.T) {
	a, b := empty("alpha", 2), empty("beta", 2)
	a.Plan.Rate, b.Plan.Rate = load.PerSecond(load.MaxRate), load.PerSecond(load.MaxRate)
	want := merged(t, a, b)
	got, err := readRun("sum.json", strings.NewReader(written(t, want)))
	if err != nil || !got.Plan.Rate.Equal(load.PerSecond(2*load.MaxRate)) {
		t.Errorf("got %v, want the sum of both rates", err)
	}
}
