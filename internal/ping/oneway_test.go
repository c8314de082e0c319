package ping

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"echod/internal/dial"
)

// syntheticPath has two clocks and two ways, of which everything is known.
type syntheticPath struct {
	start  time.Time
	offset int64   // of the peer's clock at the start, in nanoseconds
	drift  float64 // of it
	ways   [2][]int64
	steps  time.Duration // how far its system's clock was set
	local  time.Duration // and that of this system
}

// exchange returns a probe that is sent at that time since the start.
func (p *syntheticPath) exchange(sent time.Duration, there, atPeer, back int64) Probe {
	p.ways[0], p.ways[1] = append(p.ways[0], there), append(p.ways[1], back)
	received := sent + time.Duration(there)
	answered := received + time.Duration(atPeer)
	returned := answered + time.Duration(back)
	stamp := func(t time.Duration) int64 {
		return p.start.UnixNano() + int64(t) + p.offset + int64(math.Round(p.drift*float64(t)))
	}
	return Probe{
		Fate: Answered, Sent: p.start.Add(sent), At: p.start.Add(returned), RTT: returned - sent,
		Stamps: dial.Stamps{Received: stamp(received), Answered: stamp(answered), Stepped: p.steps, Local: p.local},
	}
}

// way draws the delays of one way: a constant part, and queues of different kinds.
func way(t *rapid.T, name string) func() int64 {
	least := rapid.Int64Range(1e3, 1e8).Draw(t, name+" minimum")
	queue := rapid.SampledFrom([]int64{1, 1e4, 1e7, 1e9}).Draw(t, name+" queue")
	often := rapid.IntRange(1, 10).Draw(t, name+" often")
	return func() int64 {
		if rapid.IntRange(1, 10).Draw(t, name+" queued") > often {
			return least
		}
		return least + rapid.Int64Range(0, queue).Draw(t, name+" queued for")
	}
}

func within(t *rapid.T, what string, got, want, wrong float64) {
	t.Helper()
	if math.Abs(got-want) > wrong {
		t.Fatalf("%s: got %v, want %v ± %v", what, got, want, wrong)
	}
}

// TestTruthIsWithinTheToldBounds draws offsets, drifts, queues in either direction, losses and
// steps of the
// systems' clocks.
func TestTruthIsWithinTheToldBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &syntheticPath{
			start: time.Now(), offset: rapid.Int64Range(-1e18, 1e18).Draw(t, "offset"),
			drift: rapid.Float64Range(-100e-6, 100e-6).Draw(t, "drift"),
		}
		var o OneWay
		there, back := way(t, "there"), way(t, "back")
		at, interval := time.Duration(0), time.Duration(rapid.SampledFrom([]int64{1e6, 1e9, 1e11}).Draw(t, "interval"))
		var probes []Probe
		for range rapid.IntRange(1, 40).Draw(t, "probes") {
			at += interval * time.Duration(rapid.IntRange(1, 5).Draw(t, "lost before"))
			if rapid.IntRange(0, 20).Draw(t, "stepped") == 0 && len(p.ways[0]) > 0 {
				p.steps += time.Duration(rapid.Int64Range(1e9, 1e12).Draw(t, "by"))
				p.local -= time.Duration(rapid.SampledFrom([]int64{0, 1e9}).Draw(t, "here by"))
			}
			probes = append(probes, p.exchange(at, there(), rapid.Int64Range(0, 1e6).Draw(t, "at the peer"), back()))
		}
		slices.SortStableFunc(probes, func(a, b Probe) int { return a.At.Compare(b.At) })
		for _, probe := range probes {
			o.Probe(probe)
		}
		s := o.Summary()
		var steps []time.Duration // as the answers say
		for i, probe := range probes[1:] {
			before := probes[i].Stamps
			for _, by := range []time.Duration{probe.Stamps.Local - before.Local, probe.Stamps.Stepped - before.Stepped} {
				if by != 0 {
					steps = append(steps, by)
				}
			}
		}
		if got := len(s.Steps) + s.More; s.Uneven > 0 || got != len(steps) {
			t.Fatalf("got %d steps, %v, and %d changes of the drift; want %v", got, s.Steps, s.Uneven, steps)
		}
		last := probes[len(probes)-1].Stamps
		offset := s.Offset - time.Duration(p.offset) - last.Stepped + last.Local
		within(t, "offset", float64(offset), p.drift*float64(s.OffsetAt.Sub(p.start)), float64(s.OffsetError))
		within(t, "drift", s.Drift, p.drift, s.DriftError)
		if s.OffsetError < s.RoundTrip/2 {
			t.Fatalf("got an error of %v, less than half of the smallest round trip %v", s.OffsetError, s.RoundTrip)
		}
		for i, got := range []Way{s.There, s.Back} {
			least := slices.Min(p.ways[i])
			within(t, "delay", float64(got.Delay), float64(least), float64(s.DelayError))
			delays := slices.Sorted(slices.Values(p.ways[i]))
			for q, got := range map[float64]time.Duration{0.5: got.Variation.P50, 0.9: got.Variation.P90, 0.99: got.Variation.P99, 1: got.Variation.Max} {
				want := delays[int(math.Ceil(q*float64(len(delays))))-1] - least
				within(t, "variation", float64(got), float64(want), float64(s.VariationError))
			}
		}
		middle := func(delays []int64) int64 {
			return slices.Sorted(slices.Values(delays))[(len(delays)-1)/2]
		}
		longer, wrong := s.Asymmetry()
		within(t, "asymmetry", float64(longer), float64(middle(p.ways[0])-middle(p.ways[1])), float64(wrong))
	})
}

// TestOffsetIsWithinItsBoundWhenClocksJump holds for jumps of any size: those that are smaller
// than the round trips cannot be seen.
func TestOffsetIsWithinItsBoundWhenClocksJump(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &syntheticPath{start: time.Now(), drift: rapid.Float64Range(-100e-6, 100e-6).Draw(t, "drift")}
		var o OneWay
		there, back := way(t, "there"), way(t, "back")
		offsets := map[time.Duration]int64{}
		for i := range rapid.IntRange(1, 20).Draw(t, "probes") {
			if rapid.IntRange(0, 3).Draw(t, "jumps") == 0 {
				p.offset += rapid.SampledFrom([]int64{-1e12, 1e6, 1e9, 1e15}).Draw(t, "by")
			}
			at := time.Duration(i) * time.Minute
			offsets[at] = p.offset
			o.Probe(p.exchange(at, there(), 1000, back()))
		}
		s := o.Summary()
		at := s.OffsetAt.Sub(p.start)
		within(t, "offset", float64(int64(s.Offset)-offsets[at]), p.drift*float64(at), float64(s.OffsetError))
	})
}

// TestVariationIsExactIfBothWaysAreFastAtTheStartAndTheEnd draws everything else.
func TestVariationIsExactIfBothWaysAreFastAtTheStartAndTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &syntheticPath{start: time.Now(), drift: rapid.Float64Range(-100e-6, 100e-6).Draw(t, "drift")}
		var o OneWay
		queue := rapid.Int64Range(0, 1e8)
		const probes = 30
		for i := range probes {
			there, back := int64(2e6), int64(5e6)
			if 0 < i && i < probes-1 {
				there += queue.Draw(t, "there")
				back += queue.Draw(t, "back")
			}
			o.Probe(p.exchange(time.Duration(i)*time.Minute, there, 1000, back))
		}
		s := o.Summary()
		for i, got := range []Way{s.There, s.Back} {
			delays := slices.Sorted(slices.Values(p.ways[i]))
			want := delays[probes-1] - delays[0]
			// A delay is measured with two clocks: a part of it is their drift.
			within(t, "largest variation", float64(got.Variation.Max), float64(want), 100e-6*float64(want)+100)
		}
		within(t, "drift", s.Drift, p.drift, 1e-9)
	})
}

func TestClocksAreNotBlamedOnThePath(t *testing.T) {
	t.Parallel()
	const long = 100_000
	tests := []struct {
		name   string
		change func(p *syntheticPath, second int)
		unit   time.Duration
		jumps  int
		uneven bool
	}{
		{"a drift of 80 ppm for a day", func(p *syntheticPath, _ int) { p.drift = 80e-6 }, time.Second, 0, false},
		{"a jump of 90 s near the end", func(p *syntheticPath, i int) {
			if i == long-2 {
				p.offset += 90e9
			}
		}, time.Second, 1, false},
		{"a drift that changes", func(p *syntheticPath, i int) {
			if i == long/2 {
				p.drift, p.offset = 30e-6, p.offset-int64(30e-6*float64(i)*1e9)
			}
		}, time.Second, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, o := &syntheticPath{start: time.Now()}, &OneWay{}
			for i := range long {
				tt.change(p, i)
				o.Probe(p.exchange(time.Duration(i)*tt.unit, 1e6, 1000, 1e6))
			}
			s := o.Summary()
			for _, got := range []Way{s.There, s.Back} {
				if got.Variation.Max > 2*time.Millisecond || got.Delay > 3*time.Millisecond {
					t.Errorf("got %+v, want not more than a round trip", got)
				}
			}
			if len(s.Steps) != tt.jumps || s.Uneven > 0 != tt.uneven || s.VariationError < time.Millisecond || s.VariationError > 3*time.Millisecond {
				t.Errorf("got %d jumps, %d changes of the drift, an error of %v", len(s.Steps), s.Uneven, s.VariationError)
			}
			for _, step := range s.Steps {
				if step.Clock != UnknownClock || (step.By-90*time.Second).Abs() > 5*time.Millisecond {
					t.Errorf("got %+v, want a jump of 90 s", step)
				}
			}
		})
	}
}

func TestSlowerWayIsNamedOnlyIfItCanBeTold(t *testing.T) {
	slow := Variation{P99: 12 * time.Millisecond}
	tests := []struct {
		name         string
		of           OneWaySummary
		there, known bool
	}{
		{"there", OneWaySummary{There: Way{Variation: slow}, RoundTrip: time.Millisecond}, true, true},
		{"back", OneWaySummary{Back: Way{Variation: slow}, RoundTrip: time.Millisecond}, false, true},
		{"both", OneWaySummary{There: Way{Variation: slow}, Back: Way{Variation: slow}}, false, false},
		{"less than half of the round trip", OneWaySummary{There: Way{Variation: slow}, RoundTrip: 24 * time.Millisecond}, true, false},
		{"less than the drift may be", OneWaySummary{There: Way{Variation: slow}, VariationError: 6 * time.Millisecond}, true, false},
	}
	for _, tt := range tests {
		if there, known := tt.of.Slower(); known != tt.known || known && there != tt.there {
			t.Errorf("%s: got %t, %t", tt.name, there, known)
		}
	}
}

func TestImpossibleStampsAreIgnored(t *testing.T) {
	p := &syntheticPath{start: time.Now()}
	var o OneWay
	for _, change := range []func(*Probe){
		func(p *Probe) { p.Stamps = dial.Stamps{} },
		func(p *Probe) { p.Stamps.Answered = p.Stamps.Received - 1 },
		func(p *Probe) { p.Stamps.Answered += int64(time.Hour) },
		func(p *Probe) { p.Stamps.Received = math.MinInt64 },
		func(p *Probe) { p.Fate = Duplicated },
	} {
		probe := p.exchange(0, 1e6, 0, 1e6)
		change(&probe)
		o.Probe(probe)
	}
	if s := o.Summary(); s.Exchanges != 0 || s.RoundTrip != 0 {
		t.Errorf("got %+v, want nothing", s)
	}
}

// TestHullHasTheMinimumOfEverySlope compares it with all points.
func TestHullHasTheMinimumOfEverySlope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) point {
			return point{rapid.Int64Range(0, 50).Draw(t, "at"), rapid.Int64Range(-20, 20).Draw(t, "offset")}
		})
		points := rapid.SliceOfN(one, 1, 60).Draw(t, "points")
		h := hull{sign: rapid.SampledFrom([]int64{1, -1}).Draw(t, "sign")}
		for _, p := range points {
			h.add(p)
		}
		slope := rapid.Float64Range(-5, 5).Draw(t, "slope")
		least := func(points []point) float64 {
			smallest := math.Inf(1)
			for _, p := range points {
				smallest = min(smallest, float64(h.sign)*(float64(p.offset)-slope*float64(p.at)))
			}
			return smallest
		}
		within(t, "minimum", least(h.points), least(points), 1e-9)
	})
}

func TestMemoryOfALongRunIsBounded(t *testing.T) {
	h := hull{sign: 1}
	for i := range int64(3 * maxHull) {
		h.add(point{i, i * i}) // every point is on the hull
	}
	if len(h.points) > maxHull {
		t.Errorf("got a hull of %d points, want at most %d", len(h.points), maxHull)
	}
	var r reservoir[int]
	for i := range 3 * maxSamples {
		r.add(i)
	}
	late := 0
	for _, i := range r.list {
		if i >= 2*maxSamples {
			late++
		}
	}
	if len(r.list) != maxSamples || late < maxSamples/4 || late > maxSamples/2 {
		t.Errorf("got %d samples, %d of them of the last third; want %d and about a third", len(r.list), late, maxSamples)
	}
}
