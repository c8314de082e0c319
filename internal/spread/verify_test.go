package spread

import (
	"context"
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
)

// trueClaim returns what an honest worker says after ten messages within two seconds, of a plan that
// change has changed. It began when it was to, by its clock, which is an hour ahead.
func trueClaim(t *testing.T, change func(*load.Plan)) claim {
	t.Helper()
	p := messages(t, "tcp://127.0.0.1:7", 2, 10)
	change(&p)
	agreed := time.Now().Add(-4 * time.Second)
	m := &member{greeting: greeting{Echod: "test"}, offset: offset{agreed.Add(-time.Hour), time.Millisecond}}
	began := m.offset.remote(agreed)
	counted := p
	counted.Messages = 10 // of a plan with a duration, too
	r := result(counted, time.Time{})
	r.Plan, r.Echod, r.Seconds, r.Connect, r.Connects = p, "test", 2, hist.New(), 2
	seconds := r.Intervals
	r.Intervals = nil
	for range 10 {
		r.Latency.Record(time.Millisecond)
	}
	for range 2 {
		r.Connect.Record(time.Millisecond)
	}
	seconds[0].Latency.Add(r.Latency)
	seconds[0].Seconds = 2
	if !p.Rate.IsZero() {
		r.SchedulingDelay = hist.New()
	}
	if p.AllAddresses {
		r.Addresses = []load.Address{{Address: "127.0.0.1:7", Answered: 6, Latency: hist.New()}, {Address: "[::1]:7", Answered: 4, Latency: hist.New()}}
	}
	return claim{done: &done{Began: began, Measured: began + int64(p.Warmup), Result: r}, seconds: seconds, from: m, plan: p, agreed: agreed, received: time.Now(), late: time.Second}
}

func asIs(*load.Plan)       {}
func rated(p *load.Plan)    { p.Messages, p.Duration, p.Rate = 0, 2*time.Second, load.PerSecond(5) }
func warmed(p *load.Plan)   { p.Warmup = time.Second }
func everyone(p *load.Plan) { p.AllAddresses = true }

func TestTrueClaimIsBelieved(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*load.Plan){"messages": asIs, "a rate": rated, "a warm-up": warmed, "all addresses": everyone} {
		if m, err := trueClaim(t, change).verify(); err != nil || m.begun.Skew != 0 || m.begun.Uncertainty != time.Millisecond {
			t.Errorf("%s: got %+v, %v", name, m.begun, err)
		}
	}
}

// TestClaimThatCannotBeTrueIsRefused changes one figure of a true claim after the other.
func TestClaimThatCannotBeTrueIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want string
		plan func(*load.Plan)
		lie  func(c *claim, r *load.Result)
	}{
		{"it is empty", asIs, func(c *claim, _ *load.Result) { c.Result = nil }},
		{"has its seconds in it", asIs, func(c *claim, r *load.Result) { r.Intervals = c.seconds }},
		{"due is 11", asIs, func(_ *claim, r *load.Result) { r.Due++ }},
		{"late is negative", asIs, func(_ *claim, r *load.Result) { r.Late = -1 }},
		{"failed is negative", asIs, func(_ *claim, r *load.Result) { r.Failed = load.Classes{dial.Reset: -1, dial.Refused: 1} }},
		{"no latency", asIs, func(_ *claim, r *load.Result) { r.Latency = nil }},
		{"a count of 4611686018427387904", asIs, func(_ *claim, r *load.Result) { r.Late = 1 << 62 }},
		{"a count of 4611686018427387904", asIs, func(_ *claim, r *load.Result) { r.Disconnects = load.Classes{dial.Reset: 1 << 62} }},
		{"a count of 4611686018427387904", asIs, func(c *claim, _ *load.Result) { c.seconds[0].BytesIn = 1 << 62 }},
		{"a count of 4611686018427387904", everyone, func(_ *claim, r *load.Result) { r.Addresses[1].Connects = 1 << 62 }},
		{"a process that nobody asked for", asIs, func(_ *claim, r *load.Result) { r.CPU.Server = new(float64) }},
		{"a process that nobody asked for", asIs, func(_ *claim, r *load.Result) { r.CPU.ServerRSS = new(int64) }},
		{"its version", asIs, func(_ *claim, r *load.Result) { r.Format = "echod-bench/2" }},
		{"its version", asIs, func(_ *claim, r *load.Result) { r.Echod = "other" }},
		{"another plan, or of another seed", asIs, func(_ *claim, r *load.Result) { r.Plan.Seed++ }},
		{"another plan, or of another seed", asIs, func(_ *claim, r *load.Result) { r.Plan.Rate = load.PerSecond(1) }},
		{"another plan, or of another seed", asIs, func(_ *claim, r *load.Result) { r.Plan.URL = "tcp://127.0.0.1:8" }},
		{"merged from several", asIs, func(_ *claim, r *load.Result) { r.Parts = make([]load.Part, 1) }},
		{"it has 1 addresses", asIs, func(_ *claim, r *load.Result) { r.Addresses = []load.Address{{Latency: hist.New()}} }},
		{"it has 3 addresses", everyone, func(_ *claim, r *load.Result) {
			r.Addresses = append(r.Addresses, load.Address{Latency: hist.New()})
		}},
		{"a text of", asIs, func(_ *claim, r *load.Result) { r.Environment.CPU = strings.Repeat("x", maxText+1) }},
		{"a text of", asIs, func(_ *claim, r *load.Result) { r.Wrong = &load.Wrong{Got: strings.Repeat("x", maxText+1)} }},
		{"a text of", asIs, func(_ *claim, r *load.Result) {
			r.Failed = load.Classes{dial.Class(strings.Repeat("x", maxText+1)): 0}
		}},
		{"it has -1 CPUs", asIs, func(_ *claim, r *load.Result) { r.Environment.CPUs = -1 }},
		{"it has 65537 CPUs", asIs, func(_ *claim, r *load.Result) { r.Environment.CPUs = 1<<16 + 1 }},
		{"nobody has told the worker to stop", asIs, func(_ *claim, r *load.Result) { r.Interrupted = true }},
		{"began before the start", asIs, func(c *claim, _ *load.Result) { c.Began -= int64(time.Second) }},
		{"began before the start", asIs, func(c *claim, _ *load.Result) { c.Began = -1 }},
		{"began before the start", asIs, func(c *claim, _ *load.Result) { c.Measured = -1 }},
		{"within the warm-up", warmed, func(c *claim, _ *load.Result) { c.Measured -= int64(time.Second / 2) }},
		{"it ends in", asIs, func(_ *claim, r *load.Result) { r.Seconds = 3600 }},
		{"want 2s", rated, func(_ *claim, r *load.Result) { r.Seconds = 2.1 }},
		{"want 2s", rated, func(_ *claim, r *load.Result) { r.Seconds = 1.9 }},
		{"was late: it began 1.50 s after", asIs, func(c *claim, _ *load.Result) {
			c.Began, c.Measured = c.Began+int64(1500*time.Millisecond), c.Measured+int64(1500*time.Millisecond)
		}},
		{"10 messages were due in 2.00 s: want 19 to 21", func(p *load.Plan) { rated(p); p.Rate = load.PerSecond(10) }, func(*claim, *load.Result) {}},
		{"10 messages were due in 2.00 s: want 3 to 5", func(p *load.Plan) { rated(p); p.Rate = load.PerSecond(2) }, func(*claim, *load.Result) {}},
		{"10 messages were due in 2.00 s: want 11 to 11", func(p *load.Plan) { p.Messages = 11 }, func(*claim, *load.Result) {}},
		{"11 of 10 messages were sent", asIs, func(_ *claim, r *load.Result) { r.Sent, r.BytesOut = 11, 11*64 }},
		{"answers have 639 bytes", asIs, func(_ *claim, r *load.Result) { r.BytesIn-- }},
		{"answers have 640 bytes", asIs, func(_ *claim, r *load.Result) { r.BytesInTime++ }},
		{"and 10 messages 641", asIs, func(_ *claim, r *load.Result) { r.BytesOut++ }},
		{"has no schedule", asIs, func(_ *claim, r *load.Result) { r.Behind = &load.Behind{Target: 1} }},
		{"has no schedule", asIs, func(_ *claim, r *load.Result) { r.SchedulingDelay = hist.New() }},
		{"behind is negative", rated, func(_ *claim, r *load.Result) { r.Behind = &load.Behind{Achieved: -1} }},
		{"behind is negative", rated, func(_ *claim, r *load.Result) { r.Behind = &load.Behind{Target: -1} }},
		{"latency has 11 messages: want 10", asIs, func(_ *claim, r *load.Result) { r.Latency.Record(time.Millisecond) }},
		{"after the measurement began", asIs, func(_ *claim, r *load.Result) {
			r.Latency = hist.New()
			for range 10 {
				r.Latency.Record(30 * time.Minute)
			}
		}},
		{"scheduling_delay", rated, func(_ *claim, r *load.Result) { r.SchedulingDelay = nil }},
		{"scheduling_delay", rated, func(_ *claim, r *load.Result) {
			for range 11 {
				r.SchedulingDelay.Record(1)
			}
		}},
		{"connect has 2 connections: want 3", asIs, func(_ *claim, r *load.Result) { r.Connects = 3 }},
		{"addresses have other counts", everyone, func(_ *claim, r *load.Result) { r.Addresses[0].Answered++ }},
		{"addresses have other counts", everyone, func(_ *claim, r *load.Result) { r.Addresses[0].Lost++ }},
		{"addresses have other counts", everyone, func(_ *claim, r *load.Result) { r.Addresses[0].Failed = load.Classes{dial.Reset: 1} }},
		{"10 seconds in 2.00 s", asIs, func(c *claim, _ *load.Result) {
			for range 9 {
				c.seconds = append(c.seconds, load.Interval{At: 2, Latency: hist.New()})
			}
		}},
		{"99 connections", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Conns = 99 }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Answered++ }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Due++ }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Lost++ }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].BytesIn++ }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Failed++ }},
		{"seconds do not add up", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Due-- }}, // and it has not failed
		{"latency of its seconds", asIs, func(c *claim, _ *load.Result) { c.seconds[0].Latency.Record(time.Millisecond) }},
	} {
		c := trueClaim(t, tt.plan)
		tt.lie(&c, c.Result)
		m, err := c.verify()
		if err == nil || !strings.Contains(err.Error(), tt.want) || m.Result != nil {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// TestWorkerThatLiesIsNamed: the others have told the truth, and there is no sum of them.
func TestWorkerThatLiesIsNamed(t *testing.T) {
	t.Parallel()
	var list samples
	honest, _ := serve(t, &Worker{carry: list.carry})
	liar, _ := serve(t, &Worker{carry: func(ctx context.Context, p load.Plan, h load.Hold, observe func(load.Progress)) (*load.Result, error) {
		r, err := list.carry(ctx, p, h, observe)
		if err == nil {
			r.Answered++
		}
		return r, err
	}})
	sum, err := coordinate(honest, liar).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 2, 20), nil)
	blames(t, err, liar)
	if sum != nil || err != nil && !strings.Contains(err.Error(), "cannot be true") {
		t.Errorf("got %v, %v", sum, err)
	}
}

func TestWorkerThatBeginsLateIsNamed(t *testing.T) {
	t.Parallel()
	var list samples
	target, _ := serve(t, &Worker{carry: list.carry})
	c := coordinate(target)
	c.late = -time.Hour // each one is late
	_, err := c.Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
	blames(t, err, target)
	if err == nil || !strings.Contains(err.Error(), "was late") {
		t.Errorf("got %v", err)
	}
}
