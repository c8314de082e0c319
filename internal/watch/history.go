package watch

import (
	"slices"
	"time"

	"echod/internal/hist"
	"echod/internal/ping"
)

// The history of an address: ten minutes in buckets, and the last answers.
const (
	BucketSpan = 5 * time.Second
	buckets    = 120
	maxRecent  = 600
)

// Bucket is the result of the probes that were sent within BucketSpan.
type Bucket struct {
	At       time.Time // its start
	Sent     uint64    // probes that were answered or lost by now
	Lost     uint64
	Min, Max time.Duration // round trips; 0 if nothing was answered
	Sum      time.Duration // of all round trips
	Rows     hist.Rows     // of all round trips
}

// Mean returns the mean round trip, 0 if nothing was answered.
func (b Bucket) Mean() time.Duration {
	if b.Sent == b.Lost {
		return 0
	}
	return b.Sum / time.Duration(b.Sent-b.Lost)
}

// history is the last buckets and the last answers of an address. The buckets of all
// addresses of a Watcher start at the same times.
type history struct {
	origin time.Time // the start of bucket 0
	ring   [buckets]struct {
		number int64
		Bucket
	}
	recent  []time.Duration // a ring, too
	answers int
}

func (h *history) number(t time.Time) int64 { return int64(max(t.Sub(h.origin), 0) / BucketSpan) }

// probe counts a probe that was sent at that time. One that was sent before the oldest
// bucket is not counted.
func (h *history) probe(sent time.Time, answered bool, rtt time.Duration) {
	n := h.number(sent)
	b := &h.ring[n%buckets]
	switch {
	case n < b.number:
		return
	case n > b.number:
		b.number, b.Bucket = n, Bucket{}
	}
	b.Sent++
	if !answered {
		b.Lost++
		return
	}
	if b.Min == 0 || rtt < b.Min {
		b.Min = rtt
	}
	b.Max, b.Sum = max(b.Max, rtt), b.Sum+rtt
	b.Rows.Record(rtt)
}

// answer remembers the round trip of an answer.
func (h *history) answer(rtt time.Duration) {
	if len(h.recent) < maxRecent {
		h.recent = append(h.recent, rtt)
	} else {
		h.recent[h.answers%maxRecent] = rtt
	}
	h.answers++
}

// all returns the buckets of the last ten minutes that have probes, oldest first. Their
// times follow the clock as it is now, even if it was set in the meantime.
func (h *history) all(now time.Time) []Bucket {
	var all []Bucket
	latest := h.number(now)
	for n := max(0, latest-buckets+1); n <= latest; n++ {
		b := h.ring[n%buckets]
		if b.number != n || b.Sent == 0 {
			continue
		}
		b.At = now.Add(time.Duration(n)*BucketSpan - now.Sub(h.origin))
		b.Rows = slices.Clone(b.Rows) // the reader keeps it
		all = append(all, b.Bucket)
	}
	return all
}

// Bounds are the upper bounds of the classes in which round trips are counted: from a
// loopback to a satellite. Longer ones have a class of their own.
var Bounds = [...]time.Duration{
	20 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
}

// Times counts round trips by their length, since the address is monitored.
type Times struct {
	Counts [len(Bounds) + 1]uint64
	Sum    time.Duration
}

func (t *Times) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	t.Counts[i]++
	t.Sum += d
}

// Connecting counts the phases of connections that were made.
type Connecting struct {
	DNS, Connect, TLS Times  // those that were needed
	Retransmits       uint64 // SYNs that were sent again
}

// Phase is a phase of connecting.
type Phase struct {
	Name  string
	Times *Times
}

// Phases returns the phases that some connection had.
func (c *Connecting) Phases() []Phase {
	all := []Phase{{"dns", &c.DNS}, {"connect", &c.Connect}, {"tls", &c.TLS}}
	return slices.DeleteFunc(all, func(p Phase) bool { return p.Times.Counts == [len(Bounds) + 1]uint64{} })
}

func (c *Connecting) add(p ping.Phases) {
	c.Retransmits += uint64(p.Retransmits)
	for times, d := range map[*Times]time.Duration{&c.DNS: p.DNS, &c.Connect: p.Connect, &c.TLS: p.TLS} {
		if d > 0 {
			times.add(d)
		}
	}
}
