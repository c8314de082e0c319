package ping

import (
	"math"
	"slices"
	"time"
)

// OneWay divides round trips into the way there and the way back. The peer stamps each probe
// when it receives it and when it answers it, by its own clock. Its methods are for one
// goroutine at a time, and want events in their order.
//
// The difference of two clocks and the difference of two ways look the same: a constant part
// of a delay cannot be assigned to a way more exactly than half of the smallest round trip (RFC
// 5905, section 8). How much longer than its minimum a way takes does not depend on the offset
// of the clocks, only on their drift, which [clockFit] bounds.
type OneWay struct {
	first    time.Time // the first probe was sent
	base     exchange  // the first, in Unix nanoseconds
	fit      *clockFit
	earlier  [2]reservoir[float64] // variations of fits that have ended
	largest  [2]float64            // of these
	wrong    float64               // by at most this much
	count    int64
	smallest int64 // round trip

	bounds  offsetBounds
	stepped [2]stepped // the clocks of this system and of the peer
	steps   []Step
	more    int // steps that are not in steps
	uneven  int
}

// Step is a sudden change of a clock.
type Step struct {
	At    time.Time
	By    time.Duration // forward; of an unknown clock: the peer's against that of this system
	Clock Clock
}

// Clock names a clock that was set, or that stood still.
type Clock string

const (
	LocalClock   Clock = "local"
	PeerClock    Clock = "peer"
	UnknownClock Clock = "unknown"
)

// maxSteps is how many steps a OneWay remembers.
const maxSteps = 8

// Probe adds an event of a probe. Those without stamps are ignored, and so are duplicates.
func (o *OneWay) Probe(p Probe) {
	if p.Stamps.Received == 0 || p.Fate != Answered && p.Fate != Late {
		return
	}
	sent := p.Sent.UnixNano()
	if o.fit != nil {
		sent = o.base.sent + int64(p.Sent.Sub(o.first)) // not by a clock that may have been set
	}
	e := exchange{sent, p.Stamps.Received, p.Stamps.Answered, sent + int64(p.RTT)}
	if !e.possible() {
		return
	}
	if o.fit == nil {
		o.first, o.base = p.Sent, e
	}
	o.step(LocalClock, &o.stepped[0], p.At, p.Stamps.Local)
	o.step(PeerClock, &o.stepped[1], p.At, p.Stamps.Stepped)
	o.add(e.since(o.base), p.At)
}

// since returns e with times that are near 0.
func (e exchange) since(base exchange) exchange {
	return exchange{e.sent - base.sent, e.received - base.received, e.answered - base.received, e.returned - base.sent}
}

func (o *OneWay) add(e exchange, at time.Time) {
	o.count++
	if o.count == 1 || e.roundTrip() < o.smallest {
		o.smallest = e.roundTrip()
	}
	jump, jumped := o.bounds.add(e)
	switch {
	case o.fit == nil:
		o.fit = newClockFit(e)
	case jumped:
		o.remember(Step{at, time.Duration(jump), UnknownClock})
		o.startAgain(e)
	case !o.fit.add(e):
		o.uneven++
		o.startAgain(e)
	}
}

// startAgain begins a new fit: no even drift explains e and what was before.
func (o *OneWay) startAgain(e exchange) {
	for way := range o.earlier {
		all, largest := o.fit.variations(way)
		for _, d := range all {
			o.earlier[way].add(d)
		}
		o.largest[way] = max(o.largest[way], largest)
	}
	o.wrong = max(o.wrong, o.fit.driftOver())
	o.fit = newClockFit(e)
}

func (o *OneWay) remember(s Step) {
	if len(o.steps) == maxSteps {
		o.more++
		return
	}
	o.steps = append(o.steps, s)
}

// stepped is how far a clock was set.
type stepped struct {
	known bool
	by    time.Duration
	at    time.Time
}

// minStep is the smallest step of a clock that is reported. On some systems, the clock that is
// never set is not corrected by NTP as the other one is: that is no step.
const minStep = time.Millisecond

// step compares how far a clock was set with what was known before.
func (o *OneWay) step(clock Clock, s *stepped, at time.Time, by time.Duration) {
	if change := by - s.by; s.known && float64(change.Abs()) > float64(minStep)+maxDrift*float64(at.Sub(s.at)) {
		o.remember(Step{at, change, clock})
	}
	*s = stepped{true, by, at}
}

// offsetBounds is what is certain about the offset of the peer's clock at a time, if no clock
// drifts by more than maxDrift, evenly or not.
type offsetBounds struct {
	known     bool
	at        int64
	low, high float64
}

// add adds what e proves. If that is impossible, a clock was stepped, or stood still while the
// system slept: add returns by how much, about.
func (b *offsetBounds) add(e exchange) (jump float64, jumped bool) {
	drift := maxDrift * float64(e.returned-e.sent)
	low, high := float64(e.least())-1, float64(e.most())+drift+1
	if b.known {
		drift := maxDrift * float64(e.returned-b.at)
		b.low, b.high = b.low-drift, b.high+drift
		if jumped = low > b.high || high < b.low; jumped {
			jump = (low+high)/2 - (b.low+b.high)/2
		} else {
			low, high = max(low, b.low), min(high, b.high)
		}
	}
	*b = offsetBounds{true, e.returned, low, high}
	return jump, jumped
}

// OneWaySummary is the result of a OneWay. An error is the most by which figures can be wrong.
type OneWaySummary struct {
	Exchanges int64
	RoundTrip time.Duration // the smallest, without the time at the peer

	// Offset is how far the clock of the peer's system is ahead, and OffsetAt when that was:
	// at the exchange with the smallest round trip since the last jump.
	Offset, OffsetError time.Duration
	OffsetAt            time.Time
	Drift, DriftError   float64 // of the peer's clock, as a part: 1e-6 is 1 ppm

	There, Back Way
	// VariationError is the error of Way.Variation, DelayError that of Way.Delay.
	VariationError, DelayError time.Duration

	Steps []Step // the first ones
	More  int    // further steps
	// Uneven is how often the drift changed, so that the minima were looked for again.
	Uneven int

	// The rest is for the caller to set, and that of Way, too.

	URL         string // where the probes were sent
	Sent        int64
	LostUnknown int64 // it is not known in which direction
	Err         error // the last one, if the peer could not be reached
}

// Way is one direction.
type Way struct {
	Delay     time.Duration // the smallest
	Variation Variation     // how much longer it took

	// The rest is for the caller to set.
	Lost, Duplicated, Reordered int64
}

// Variation is how much longer than the smallest delay a way took: the delay variation of RFC
// 5481, section 4.2.
type Variation struct{ P50, P90, P99, Max time.Duration }

// Summary returns the result so far. It is zero if nothing was stamped.
func (o *OneWay) Summary() OneWaySummary {
	if o.fit == nil {
		return OneWaySummary{}
	}
	f, steps := o.fit, o.stepped[1].by-o.stepped[0].by
	middle := (f.best.most() + f.best.least()) / 2
	over := max(f.driftOver(), o.wrong)
	s := OneWaySummary{
		Exchanges: o.count, RoundTrip: time.Duration(o.smallest),
		Offset: time.Duration(middle+o.base.most()) + steps, OffsetError: ceil(f.offsetError()), OffsetAt: o.first.Add(time.Duration(f.best.sent)),
		Drift: f.drift(), DriftError: f.driftError(),
		VariationError: ceil(over), DelayError: ceil(f.offsetError() + f.driftOver()),
		Steps: slices.Clone(o.steps), More: o.more, Uneven: o.uneven,
	}
	for way, to := range []*Way{&s.There, &s.Back} {
		all, largest := f.variations(way)
		all = append(all, o.earlier[way].list...)
		slices.Sort(all)
		to.Variation = Variation{quantile(all, 0.5), quantile(all, 0.9), quantile(all, 0.99), time.Duration(max(largest, o.largest[way]))}
		to.Delay = time.Duration(max(f.minimum(way)-signs[way]*f.offset(), 0))
	}
	return s
}

// quantile returns the value that the part q of sorted does not exceed.
func quantile(sorted []float64, q float64) time.Duration {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return time.Duration(sorted[max(i, 0)])
}

func ceil(ns float64) time.Duration { return time.Duration(math.Ceil(ns)) }

// Asymmetry returns how much longer the way there takes than the way back, in the middle of all
// probes, and by how much that can be wrong.
func (s OneWaySummary) Asymmetry() (longer, wrong time.Duration) {
	longer = s.There.Delay + s.There.Variation.P50 - s.Back.Delay - s.Back.Variation.P50
	return longer, 2 * (s.DelayError + s.VariationError)
}

// Slower returns the way whose delay grows more, and false if the two differ by less than
// half of the smallest round trip, and the error of both.
func (s OneWaySummary) Slower() (there, known bool) {
	difference := s.There.Variation.P99 - s.Back.Variation.P99
	return difference > 0, difference.Abs() > max(2*s.VariationError, s.RoundTrip/2)
}
