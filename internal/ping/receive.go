package ping

import (
	"time"

	"echod/internal/dial"
)

// receive handles what arrived on a connection. Arrivals on a connection that was closed
// in the meantime are ignored.
func (r *run) receive(a arrival) {
	if !r.reads(a.conn) {
		return
	}
	if !r.datagrams() && len(a.data) > 0 {
		a.conn.heard = a.at
	}
	r.expire(a.at) // at the time of the arrival, which may be earlier than now
	switch {
	case !r.reads(a.conn): // expire has closed it
	case r.datagrams():
		r.receiveDatagram(a)
	default:
		r.receiveStream(a)
	}
}

// receiveStream handles bytes of a stream, which may be parts of several answers.
func (r *run) receiveStream(a arrival) {
	for rest := a.data; len(rest) > 0; {
		if !r.reads(a.conn) || len(a.conn.stream.owed) == 0 {
			r.unexpected(a, rest)
			return
		}
		whole, wrong := (*flight)(nil), (*WrongError)(nil)
		if rest, whole, wrong = a.conn.stream.read(rest, a.at, r.payloads); wrong != nil {
			r.disconnect(a.conn, wrong)
			return
		}
		if whole != nil && whole.fate != paused {
			r.answered(whole.seq, whole.began(), a.at, nil)
		}
	}
	if a.err != nil && r.reads(a.conn) {
		r.disconnect(a.conn, a.err)
	}
}

// unexpected ends a stream that sends more bytes than its answers have.
func (r *run) unexpected(a arrival, bytes []byte) {
	err := &WrongError{0, excerpt(bytes), "nothing: no answer is due"}
	r.report(Probe{Fate: Foreign, At: a.at, Class: dial.Corrupt, Err: err})
	if r.reads(a.conn) {
		r.disconnect(a.conn, err)
	}
}

// receiveDatagram handles a datagram, or an error of the socket.
func (r *run) receiveDatagram(a arrival) {
	if a.err != nil {
		r.receiveError(a)
		return
	}
	seq, stamp, ok := r.payloads.parse(a.data)
	if !ok {
		r.report(Probe{Fate: Foreign, At: a.at})
		return
	}
	if c := a.conn; c != r.conn {
		c.retired.answered = true
		if f := r.flights.find(seq); f != nil && f.conn != c {
			return // the answer to a control probe
		}
	}
	f, wrong, sent := r.flights.find(seq), r.payloads.compareWhole(a.data, seq, stamp), time.Unix(0, stamp)
	if f != nil {
		sent, f.arrived = f.sent, a.Arrived
	}
	switch inFlight := f != nil && f.fate == ""; {
	case inFlight && wrong != nil:
		r.lose(f, a.at, wrong)
		return
	case inFlight:
		f.phases.FirstByte = a.at.Sub(sent) // a datagram arrives whole
	}
	r.answered(seq, sent, a.at, wrong)
}

// receiveError handles an error of a socket for datagrams. A transient error is about
// one of the probes in flight. Which one is known only if there is one.
func (r *run) receiveError(a arrival) {
	if !transient(a.err) {
		r.disconnect(a.conn, a.err)
		return
	}
	r.icmp = a
	if on := r.flights.on(a.conn); len(on) == 1 {
		r.lose(on[0], a.at, a.err)
	}
}

// answered reports an answer to a probe that was sent. Wrong is set only for a probe
// that was finished before.
func (r *run) answered(seq uint64, sent, at time.Time, wrong *WrongError) {
	f := r.flights.find(seq)
	if f != nil && f.fate == paused {
		return
	}
	fate, reordered := r.flights.answer(seq)
	p := Probe{Fate: fate, Seq: seq, Sent: sent, At: at, RTT: at.Sub(sent), Reordered: reordered && !r.Reconnect}
	if f != nil {
		p.Phases, p.TTL, p.Stamps = r.phases(f), f.arrived.TTL, f.arrived.Stamps
	}
	if wrong != nil {
		p.Class, p.Err = dial.Corrupt, wrong
	}
	r.outage.pause, r.outage.err = 0, nil
	if fate == Answered {
		if r.conn == nil || !dial.Spent(r.conn.Conn) {
			r.renewal = renewal{} // else the pause between two attempts to replace it stays
		}
		r.compare(f)
	}
	r.report(p)
}
