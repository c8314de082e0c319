package ping

import (
	"maps"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// Summary is what many probes come to.
type Summary struct {
	Sent     int64 // received and lost: what is still under way is neither
	Received int64
	Lost     int64 // those included for which there was no connection
	Late     int64 // of these, answered after all

	Duplicated int64 // answers too many
	Reordered  int64 // answers that came after the one to a later probe
	Foreign    int64 // datagrams that are no answer
	Corrupt    int64 // answers with a wrong byte

	LostBy map[dial.Class]int64 // Lost by its reasons

	Reconnects int64         // connections after the first
	Down       time.Duration // how long there was none, as far as that was tried

	RTT hist.Summary
	// Jitter is the mean of the differences, whichever their sign, between the RTT
	// of an answer and of the one that was received before it: what RFC 3550,
	// section 6.4.1, calls |D|, without the smoothing that would forget all but the
	// last few. 0 if there are not two.
	Jitter time.Duration

	DNS, Connect, TLS, FirstByte hist.Summary // if the Prober reconnects
}

// Loss is the part of the probes that was lost, 0 if there were none.
func (s Summary) Loss() float64 { return float64(s.Lost) / float64(max(s.Sent, 1)) }

// Tally counts what a Prober tells. Its methods are for one goroutine at a time.
type Tally struct {
	counts Summary // without the figures of what follows
	rtt    *hist.Hist
	last   time.Duration // the RTT received before
	moved  time.Duration // the sum of the differences
	phases map[string]*hist.Hist
	linked bool      // there was a connection
	down   time.Time // since then there is none; zero: there is one
	seen   time.Time // when something was told last
}

// NewTally is one that has counted nothing.
func NewTally() *Tally {
	return &Tally{counts: Summary{LostBy: map[dial.Class]int64{}}, rtt: hist.New(), phases: map[string]*hist.Hist{}}
}

// Probe counts one.
func (t *Tally) Probe(p Probe) {
	c := &t.counts
	t.seen = p.At
	switch p.Fate {
	case Answered:
		c.Sent++
		c.Received++
		t.time(p)
	case Lost:
		c.Sent++
		c.Lost++
		c.LostBy[p.Class]++
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
	if p.Phases == (Phases{}) {
		return
	}
	for name, d := range map[string]time.Duration{
		"dns": p.Phases.DNS, "connect": p.Phases.Connect, "tls": p.Phases.TLS, "first byte": p.Phases.FirstByte,
	} {
		if d == 0 {
			continue
		}
		if t.phases[name] == nil {
			t.phases[name] = hist.New()
		}
		t.phases[name].Record(d)
	}
}

// Link counts what happened to the connection.
func (t *Tally) Link(l Link) {
	t.seen = l.At
	if !l.Up {
		t.down = l.At
		return
	}
	if t.linked {
		t.counts.Reconnects++
	}
	t.linked, t.down = true, time.Time{}
	t.counts.Down += l.Down
}

// Summary is what all comes to so far.
func (t *Tally) Summary() Summary {
	s := t.counts
	s.RTT = t.rtt.Summary()
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
		}
	}
	return s
}
