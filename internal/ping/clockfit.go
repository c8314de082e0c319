package ping

import (
	"math"
	"math/rand/v2"
	"slices"
)

// exchange is a probe and its answer. The times are in nanoseconds. Sent and returned are of
// the clock of this system, received and answered of the peer's. Neither clock is set.
type exchange struct{ sent, received, answered, returned int64 }

// The offset of the peer's clock was at most most() when the probe was sent, and at least
// least() when the answer returned, because no way takes less than nothing.
func (e exchange) most() int64  { return e.received - e.sent }
func (e exchange) least() int64 { return e.answered - e.returned }

// roundTrip is the time on the path: without that at the peer (RFC 5905, section 8).
func (e exchange) roundTrip() int64 { return e.most() - e.least() }

// possible reports whether the times can be those of one exchange: the time at the peer is a
// part of the round trip.
func (e exchange) possible() bool {
	atPeer, here := e.answered-e.received, e.returned-e.sent
	return atPeer >= 0 && here >= 0 && float64(atPeer) <= (1+maxDrift)*float64(here)+1
}

// maxDrift is the largest drift of one clock against the other, as a part: 500 ppm, the
// largest that NTP corrects (MAXFREQ in RFC 5905, appendix A.1).
const maxDrift = 500e-6

// point is a bound of the offset at a time, both in nanoseconds.
type point struct{ at, offset int64 }

// clockFit is what exchanges prove about the offset of the peer's clock, if that changes
// evenly: offset(t) = a + drift·t. Each exchange is an upper and a lower bound. The drifts that
// are possible are those of the lines below all upper and above all lower bounds. As in Moon,
// Skelly and Towsley, "Estimation and Removal of Clock Skew from Network Delay Measurements"
// (INFOCOM 1999), queues on the path never fake a drift: they only make bounds weaker. There
// the line has to be below the delays of one direction; here both directions bound it.
type clockFit struct {
	from, to  int64    // when the first probe was sent, and the last one
	best      exchange // the one with the smallest round trip
	longest   int64    // from sending a probe until its answer
	low, high float64  // the possible drifts
	least     [2]hull  // of the delays of each way
	most      [2]hull
	samples   reservoir[exchange]
}

func newClockFit(e exchange) *clockFit {
	f := &clockFit{from: e.sent, to: e.returned, best: e, longest: e.returned - e.sent, low: -maxDrift, high: maxDrift}
	for way := range f.least {
		f.least[way].sign, f.most[way].sign = 1, -1
	}
	f.keep(e)
	return f
}

// drift is the middle of the possible drifts. It is wrong by at most driftError.
func (f *clockFit) drift() float64      { return (f.low + f.high) / 2 }
func (f *clockFit) driftError() float64 { return (f.high - f.low) / 2 }

// add adds e. If there is no drift with which e and all exchanges before are possible, it
// reports false and adds nothing.
func (f *clockFit) add(e exchange) bool {
	low, high := f.low, f.high
	bound := func(upper, lower point) {
		switch over, rise := float64(upper.at-lower.at), float64(upper.offset-lower.offset+2); { // 1 ns each for rounding
		case over > 0:
			high = min(high, rise/over)
		case over < 0:
			low = max(low, rise/over)
		}
	}
	upper, lower := e.bounds()
	bound(upper, lower)
	for _, other := range f.least[there].points {
		bound(other, lower)
	}
	for _, other := range f.least[back].points {
		bound(upper, point{other.at, -other.offset})
	}
	if low > high {
		return false
	}
	f.low, f.high = low, high
	f.from, f.to = min(f.from, e.sent), max(f.to, e.returned)
	f.longest = max(f.longest, e.returned-e.sent)
	if e.roundTrip() < f.best.roundTrip() {
		f.best = e
	}
	f.keep(e)
	return true
}

func (e exchange) bounds() (upper, lower point) {
	return point{e.sent, e.most()}, point{e.returned, e.least()}
}

// The directions.
const (
	there = iota
	back
)

// delays returns the delay of both ways and when it was measured, except for the offset of the
// clocks: with the other sign, it is in both.
func (e exchange) delays() [2]point {
	return [2]point{{e.sent, e.most()}, {e.returned, -e.least()}}
}

// signs are those of the offset in the delays of both ways.
var signs = [2]float64{1, -1}

// keep remembers e.
func (f *clockFit) keep(e exchange) {
	for way, p := range e.delays() {
		f.least[way].add(p)
		f.most[way].add(p)
	}
	f.samples.add(e)
}

// without returns p.offset without the drift since f.from.
func (f *clockFit) without(p point, way int) float64 {
	return float64(p.offset) - signs[way]*f.drift()*float64(p.at-f.from)
}

// minimum returns the smallest delay of a way, without the drift but with the offset at f.from.
func (f *clockFit) minimum(way int) float64 {
	smallest := math.Inf(1)
	for _, p := range f.least[way].points {
		smallest = min(smallest, f.without(p, way))
	}
	return smallest
}

// offset returns the offset at f.from by which best says that both ways were equally slow.
func (f *clockFit) offset() float64 {
	delays := f.best.delays()
	return (f.without(delays[there], there) - f.without(delays[back], back)) / 2
}

// offsetError is by how much the offset can be wrong at the time of best: half of the round
// trip, because all of it may be one way, and the drift meanwhile.
func (f *clockFit) offsetError() float64 {
	return max(float64(f.best.roundTrip())/2, 0) + maxDrift*float64(f.best.returned-f.best.sent) + 2
}

// driftOver is by how much delays can be wrong because of the drift: it is not exactly known
// over the whole time, and a delay is measured with two clocks that are not equally fast.
func (f *clockFit) driftOver() float64 {
	return f.driftError()*float64(f.to-f.from) + max(-f.low, f.high)*float64(f.longest) + 2
}

// variations returns how much longer than its minimum a way took in each sample, and the
// largest of all. Each is wrong by at most driftOver.
func (f *clockFit) variations(way int) (all []float64, largest float64) {
	smallest := f.minimum(way)
	for _, e := range f.samples.list {
		all = append(all, f.without(e.delays()[way], way)-smallest)
	}
	for _, p := range f.most[way].points {
		largest = max(largest, f.without(p, way)-smallest)
	}
	return all, largest
}

// hull is the points that a straight line below all points can touch, or above all points with
// sign -1: the convex hull. Each minimum, whatever the drift, is one of them.
type hull struct {
	sign   int64
	points []point // by time
}

// maxHull is how many points a hull may have. Random delays have some tens. Beyond, every
// second one is dropped, which makes the bounds weaker.
const maxHull = 4096

func (h *hull) add(p point) {
	i := len(h.points) // probes are seldom reordered
	for i > 0 && h.points[i-1].at >= p.at {
		i--
	}
	if i < len(h.points) && h.points[i].at == p.at {
		if h.sign*(p.offset-h.points[i].offset) >= 0 {
			return
		}
		h.points[i] = p
	} else {
		h.points = slices.Insert(h.points, i, p)
	}
	kept := h.points[:0]
	for _, p := range h.points {
		for len(kept) > 1 && h.useless(kept[len(kept)-2], kept[len(kept)-1], p) {
			kept = kept[:len(kept)-1]
		}
		kept = append(kept, p)
	}
	if h.points = kept; len(kept) > maxHull {
		for i := 1; i < len(h.points)-1; i++ {
			h.points = slices.Delete(h.points, i, i+1)
		}
	}
}

// useless reports whether b is on the line from a to c, or on the other side of it.
func (h *hull) useless(a, b, c point) bool {
	rise := float64(h.sign*(b.offset-a.offset)) * float64(c.at-a.at)
	return rise >= float64(h.sign*(c.offset-a.offset))*float64(b.at-a.at)
}

// reservoir is a random sample of what was added: all of it, up to maxSamples (Vitter's
// algorithm R).
type reservoir[T any] struct {
	list   []T
	seen   int64
	random *rand.Rand
}

const maxSamples = 1 << 15

func (r *reservoir[T]) add(item T) {
	r.seen++
	if len(r.list) < maxSamples {
		r.list = append(r.list, item)
		return
	}
	if r.random == nil {
		r.random = rand.New(rand.NewPCG(1, 2))
	}
	if i := r.random.Int64N(r.seen); i < maxSamples {
		r.list[i] = item
	}
}
