package ping

import "time"

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
		var whole *flight
		var wrong *WrongError
		rest, whole, wrong = a.link.stream.take(rest, a.at, r.known)
		if wrong != nil {
			r.broken(wrong)
			return
		}
		if whole != nil {
			r.answered(whole.seq, whole.sent, a.at, nil)
		}
		if a.link != r.link {
			return // it had but one answer to bring
		}
	}
	if a.err != nil {
		r.broken(a.err)
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
	f, wrong := r.book.find(seq), r.known.compareWhole(a.data, seq, stamp)
	switch {
	case wrong != nil && f != nil && f.fate == "":
		r.lose(f, a.at, wrong)
	case wrong != nil:
		r.answered(seq, time.Unix(0, stamp), a.at, wrong)
	case f == nil:
		r.answered(seq, time.Unix(0, stamp), a.at, nil)
	default:
		f.phases.FirstByte = a.at.Sub(f.sent)
		r.answered(seq, f.sent, a.at, nil)
	}
}

// failed is an error of a socket for datagrams. One that passes is about one of
// the probes under way; which, is known if there is but one.
func (r *run) failed(a arrival) {
	if !passing(a.err) {
		r.broken(a.err)
		return
	}
	r.icmp = a
	if f := r.book.waiting(); f != nil && r.book.pending == 1 {
		r.lose(f, a.at, a.err)
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
		p.Class, p.Err = Corrupt, wrong
	}
	r.outage.over()
	r.tell(p)
	if r.Reconnect && fate == Answered {
		r.hangUp(false)
	}
}
