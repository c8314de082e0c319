package ping

import (
	"maps"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// Summary is the result of many probes.
type Summary struct {
	Sent     int64 // received or lost; probes in flight do not count
	Received int64
	Lost     int64 // including those for which there was no connection
	Late     int64 // of the lost ones, those answered later

	Duplicated int64 // further answers to a probe
	Reordered  int64 // answers that arrived after the answer to a later probe
	Foreign    int64 // received, but no answers
	Corrupt    int64 // answers with a wrong byte

	LostBy map[dial.Class]int64 // Lost, by class

	// Paused are the probes that were due or in flight while this process did not run, and
	// PausedFor is how long that was. They are neither sent nor lost.
	Paused    int64
	PausedFor time.Duration

	Retransmits int64 // SYNs that were sent again

	Moved int64 // times that the name got another address
	Stale int64 // times that a new socket was answered, and the old one was not

	Reconnects int64         // connections after the first
	Down       time.Duration // without a connection, until the last event

	RTT hist.Summary
	// Jitter is the mean of the absolute differences between the RTTs of consecutive
	// answers: |D| of RFC 3550, section 6.4.1, without its smoothing, which weighs the
	// last few most. 0 if there are fewer than two answers.
	Jitter time.Duration

	LowestTTL, HighestTTL int // of the answers; 0 if no TTL is known

	DNS, Connect, TLS, FirstByte hist.Summary // with Config.Reconnect
	// Buckets are the histograms of these, by "dns", "connect", "tls" and "first byte".
	Buckets map[string][]hist.Bucket

	OneWay *OneWaySummary // nil if no peer stamps probes; a [Tally] does not set it
}

// Loss returns the part of the probes that was lost, 0 if there were none.
func (s Summary) Loss() float64 { return float64(s.Lost) / float64(max(s.Sent, 1)) }

// Tally counts the events of a Prober. Its methods are for one goroutine at a time.
type Tally struct {
	counts Summary // without what the other fields have
	rtt    *hist.Hist
	last   time.Duration // the RTT of the last answer
	moved  time.Duration // the sum of the differences
	phases map[string]*hist.Hist
	ttl    ttlRange
	had    bool      // a connection
	down   time.Time // start of the time without a connection; zero if there is one
	seen   time.Time // of the last event
}

// NewTally returns a Tally that has counted nothing.
func NewTally() *Tally {
	return &Tally{counts: Summary{LostBy: map[dial.Class]int64{}}, rtt: hist.New(), phases: map[string]*hist.Hist{}}
}

// Probe counts an event of a probe.
func (t *Tally) Probe(p Probe) {
	c := &t.counts
	t.seen = p.At
	switch p.Fate {
	case Answered:
		c.Sent++
		c.Received++
		t.ttl.add(p.TTL)
		t.time(p)
	case Lost:
		c.Sent++
		c.Lost++
		c.LostBy[p.Class]++
		if !p.Sent.IsZero() {
			t.connecting(p.Phases)
		}
	case Late:
		c.Late++
	case Duplicated:
		c.Duplicated++
	case Foreign:
		c.Foreign++
	}
	if p.Reordered {
		c.Reordered++
	}
	if p.Class == dial.Corrupt {
		c.Corrupt++
	}
}

func (t *Tally) time(p Probe) {
	if t.counts.Received > 1 {
		t.moved += (p.RTT - t.last).Abs()
	}
	t.last = p.RTT
	t.rtt.Record(p.RTT)
	t.connecting(p.Phases)
}

// connecting counts the phases of a probe whose connection was made.
func (t *Tally) connecting(p Phases) {
	t.counts.Retransmits += p.Retransmits
	if p == (Phases{}) {
		return
	}
	for name, d := range map[string]time.Duration{"dns": p.DNS, "connect": p.Connect, "tls": p.TLS, "first byte": p.FirstByte} {
		if d == 0 {
			continue
		}
		if t.phases[name] == nil {
			t.phases[name] = hist.New()
		}
		t.phases[name].Record(d)
	}
}

// Pause counts a pause of this process.
func (t *Tally) Pause(p Pause) {
	t.counts.Paused += p.Probes
	t.counts.PausedFor += p.For
}

// Conn counts an event of the connection.
func (t *Tally) Conn(e ConnEvent) {
	t.seen = e.At
	if e.From != "" {
		t.counts.Moved++
	}
	if e.Stale {
		t.counts.Stale++
		return
	}
	if !e.Up {
		t.down = e.At
		return
	}
	if t.had {
		t.counts.Reconnects++
	}
	t.had, t.down = true, time.Time{}
	t.counts.Retransmits += e.Phases.Retransmits
	t.counts.Down += e.Down
}

// maxBuckets is how fine the histograms of phases are.
const maxBuckets = 30

// Summary returns the result so far.
func (t *Tally) Summary() Summary {
	s := t.counts
	s.RTT = t.rtt.Summary()
	s.LowestTTL, s.HighestTTL = t.ttl.lowest, t.ttl.highest
	s.LostBy = maps.Clone(s.LostBy)
	if !t.down.IsZero() {
		s.Down += t.seen.Sub(t.down)
	}
	if s.Received > 1 {
		s.Jitter = t.moved / time.Duration(s.Received-1)
	}
	for name, to := range map[string]*hist.Summary{
		"dns": &s.DNS, "connect": &s.Connect, "tls": &s.TLS, "first byte": &s.FirstByte,
	} {
		if h := t.phases[name]; h != nil {
			*to = h.Summary()
			if s.Buckets == nil {
				s.Buckets = map[string][]hist.Bucket{}
			}
			s.Buckets[name] = h.Buckets(maxBuckets)
		}
	}
	return s
}
