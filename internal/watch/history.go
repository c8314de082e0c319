package watch

import "time"

// What is remembered of an address: ten minutes, and the last answers.
const (
	BucketSpan = 5 * time.Second
	buckets    = 120
	remembered = 600
)

// Bucket is what came of the probes that left within BucketSpan.
type Bucket struct {
	At       time.Time // when it began
	Sent     uint64    // answered or lost by now
	Lost     uint64
	Min, Max time.Duration // round trips; 0 if nothing was answered
	Sum      time.Duration // of all of them
}

// Mean is 0 if nothing was answered.
func (b Bucket) Mean() time.Duration {
	if b.Sent == b.Lost {
		return 0
	}
	return b.Sum / time.Duration(b.Sent-b.Lost)
}

// history is the last buckets, and the last answers. Those of all addresses of a
// Watcher begin together.
type history struct {
	origin time.Time // of bucket 0
	ring   [buckets]struct {
		number int64
		Bucket
	}
	last  []time.Duration // a ring, too
	count int             // of all that were answered
}

func (h *history) number(t time.Time) int64 { return int64(max(t.Sub(h.origin), 0) / BucketSpan) }

// probe counts one that left then. One that left too long ago is not counted.
func (h *history) probe(left time.Time, answered bool, rtt time.Duration) {
	n := h.number(left)
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
}

// answer remembers the time of one.
func (h *history) answer(rtt time.Duration) {
	if len(h.last) < remembered {
		h.last = append(h.last, rtt)
	} else {
		h.last[h.count%remembered] = rtt
	}
	h.count++
}

// all are the buckets of the last ten minutes in which a probe left, the oldest
// first. Times are told by the clock as it is now.
func (h *history) all(now time.Time) []Bucket {
	var all []Bucket
	latest := h.number(now)
	for n := max(0, latest-buckets+1); n <= latest; n++ {
		b := h.ring[n%buckets]
		if b.number != n || b.Sent == 0 {
			continue
		}
		b.At = now.Add(time.Duration(n)*BucketSpan - now.Sub(h.origin))
		all = append(all, b.Bucket)
	}
	return all
}
