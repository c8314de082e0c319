package ping

import (
	"slices"
	"sync/atomic"
	"time"

	"echod/internal/dial"
)

// maxRemembered is how many finished datagram probes are remembered, to tell a duplicate
// from a late answer. An answer to an older one counts as late. On a stream there are no
// duplicates, so none are remembered.
const maxRemembered = 1024

// flight is a probe that is in flight or remembered.
type flight struct {
	seq     uint64
	stamp   int64       // the time in its bytes, Unix nanoseconds
	sent    time.Time   // when it was given to its connection, or began to wait for one
	conn    *connection // nil while there is none, and with Config.Reconnect
	phases  Phases
	arrived dial.Arrived // the last answer
	fate    Fate         // "" while it is in flight
	shared  bool         // see Probe.SameFailure

	// On a stream, wrote is how long after sent its first byte was written, if it was
	// the first in the outbox.
	first bool
	wrote atomic.Int64
}

// began returns when the round trip of f began.
func (f *flight) began() time.Time { return f.sent.Add(time.Duration(f.wrote.Load())) }

// flights are the probes of a run by their sequence numbers. It does no I/O.
type flights struct {
	remember int       // finished probes to keep
	list     []*flight // consecutive, up to the last one
	last     uint64    // the highest sequence number so far
	oldest   uint64    // no probe before it is in flight
	inFlight int
	highest  uint64 // the highest sequence number that was answered
	paused   uint64 // probes that were in flight in a pause
}

// add gives f the next sequence number. Its fate may be known already.
func (s *flights) add(f *flight) {
	s.last++
	f.seq = s.last
	s.list = append(s.list, f)
	if f.fate == "" {
		s.inFlight++
	}
	for len(s.list) > s.remember && s.list[0].fate != "" {
		s.list[0], s.list = nil, s.list[1:]
	}
}

// first returns the probe that has been in flight longest, nil if none is.
func (s *flights) first() *flight {
	for ; s.oldest <= s.last; s.oldest++ {
		if f := s.find(s.oldest); f != nil && f.fate == "" {
			return f
		}
	}
	return nil
}

// find returns a probe, nil if it is forgotten or was never sent.
func (s *flights) find(seq uint64) *flight {
	first := s.last + 1 - uint64(len(s.list))
	if seq < first || seq > s.last {
		return nil
	}
	return s.list[seq-first]
}

// finish sets the fate of f, which is in flight.
func (s *flights) finish(f *flight, fate Fate) {
	f.fate = fate
	if fate == paused {
		s.paused++
	}
	if f.conn != nil {
		f.conn.inFlight--
	}
	s.inFlight--
}

// all returns the probes in flight, in the order of sending.
func (s *flights) all() []*flight {
	var all []*flight
	for _, f := range s.list {
		if f.fate == "" {
			all = append(all, f)
		}
	}
	return all
}

// on returns the probes in flight on c, in the order of sending.
func (s *flights) on(c *connection) []*flight {
	return slices.DeleteFunc(s.all(), func(f *flight) bool { return f.conn != c })
}

// answer records an answer to a probe that was sent, and returns what it means.
func (s *flights) answer(seq uint64) (fate Fate, reordered bool) {
	f := s.find(seq)
	switch {
	case f == nil:
		return Late, seq < s.highest
	case f.fate == "":
		s.finish(f, Answered)
	case f.fate == Lost:
		f.fate = Late
	default:
		return Duplicated, false
	}
	reordered = seq < s.highest
	s.highest = max(s.highest, seq)
	return f.fate, reordered
}

// stream divides the bytes of a stream into the answers to its probes. A late answer is
// read like any other, so that the next one is found where it begins. It does no I/O.
type stream struct {
	owed  []*flight // whose answers have not arrived, in the order of sending
	got   int       // bytes of the first one's answer
	first time.Time // when the first of these bytes arrived
}

// read reads p, which arrived at that time, up to the end of one answer. At least one
// answer must be owed. It returns the rest of p, and the probe if its answer is complete.
func (s *stream) read(p []byte, at time.Time, payloads *payloads) (rest []byte, whole *flight, wrong *WrongError) {
	f := s.owed[0]
	if s.got == 0 {
		s.first = at
	}
	part := p[:min(len(p), payloads.size-s.got)]
	if wrong := payloads.compare(part, f.seq, f.stamp, s.got); wrong != nil {
		return nil, nil, wrong
	}
	s.got += len(part)
	if s.got < payloads.size {
		return nil, nil, nil
	}
	f.phases.FirstByte = s.first.Sub(f.began())
	s.owed, s.got = s.owed[1:], 0
	return p[len(part):], f, nil
}
