package ping

import (
	"time"

	"echod/internal/dial"
)

// take looks at what came on a connection.
func (r *run) take(a arrival) {
	if a.link == r.link {
		r.expire(a.at) // by the time when it came, not by when it is looked at
	}
	switch {
	case a.link != r.link: // given up
	case r.datagrams():
		r.takeDatagram(a)
	default:
		r.takeBytes(a)
	}
}

// takeBytes looks at what came on a stream, which may be parts of several answers.
func (r *run) takeBytes(a arrival) {
	for rest := a.data; len(rest) > 0; {
		if a.link != r.link || len(a.link.stream.owed) == 0 {
			r.unasked(a, rest)
			return
		}
		whole, wrong := (*flight)(nil), (*WrongError)(nil)
		if rest, whole, wrong = a.link.stream.take(rest, a.at, r.known); wrong != nil {
			r.broken(wrong)
			return
		}
		if whole != nil {
			r.answered(whole.seq, whole.sent, a.at, nil)
		}
	}
	if a.err != nil && a.link == r.link {
		r.broken(a.err)
	}
}

// unasked is the end of a stream that has more to say than it was asked for.
func (r *run) unasked(a arrival, bytes []byte) {
	err := &WrongError{0, excerpt(bytes), "nothing: no answer is due"}
	r.tell(Probe{Fate: Foreign, At: a.at, Class: dial.Corrupt, Err: err})
	if a.link == r.link {
		r.broken(err)
	}
}

// takeDatagram looks at one that came, or at why none can.
func (r *run) takeDatagram(a arrival) {
	if a.err != nil {
		r.failed(a)
		return
	}
	seq, stamp, ok := r.known.read(a.data)
	if !ok {
		r.tell(Probe{Fate: Foreign, At: a.at})
		return
	}
	f, wrong, sent := r.book.find(seq), r.known.compareWhole(a.data, seq, stamp), time.Unix(0, stamp)
	if f != nil {
		sent = f.sent
	}
	switch waits := f != nil && f.fate == ""; {
	case waits && wrong != nil:
		r.lose(f, a.at, wrong)
		return
	case waits:
		f.phases.FirstByte = a.at.Sub(sent) // it comes with all others
	}
	r.answered(seq, sent, a.at, wrong)
}

// failed is an error of a socket for datagrams. One that passes is about one of
// the probes under way; which, is known if there is but one.
func (r *run) failed(a arrival) {
	if !passing(a.err) {
		r.broken(a.err)
		return
	}
	r.icmp = a
	if r.book.pending == 1 {
		r.lose(r.book.waiting(), a.at, a.err)
	}
}

// answered tells of an answer to a probe that was sent. wrong is set only if it
// was settled before.
func (r *run) answered(seq uint64, sent, at time.Time, wrong *WrongError) {
	f := r.book.find(seq)
	fate, reordered := r.book.answered(seq)
	p := Probe{Fate: fate, Seq: seq, Sent: sent, At: at, RTT: at.Sub(sent), Reordered: reordered}
	if f != nil {
		p.Phases = r.phases(f)
	}
	if wrong != nil {
		p.Class, p.Err = dial.Corrupt, wrong
	}
	r.outage.over()
	r.tell(p)
	if r.Reconnect && fate == Answered {
		r.hangUp(false)
	}
}
