// Package sequence draws the life of a connection as a time-sequence diagram: the peer, the
// queues of the kernel, and the program, with time running down the page. It is made from a
// trace, see package trace.
package sequence

import (
	"time"

	"echod/internal/trace"
)

// Life is the life of one connection: its steps, and how far its bytes had come after each.
type Life struct {
	Number int
	Peer   string
	Local  string // the address of this end; "" if it is unknown
	Rule   string // of echod check; "" if none made the connection
	Engine string // "" if it is unknown
	Side   trace.Side
	Steps  []Step
	// Received and Sent are bytes of the whole life.
	Received, Sent int64
	// Lost is how many steps are missing in the trace, of any connection, while this one lived.
	Lost int
	// Before is the step before the first of Steps, and Earlier how many steps were before; nil
	// and 0 if the life has all of its steps.
	Before  *Step
	Earlier int
}

// Step is a call, and what is true after it. The four counts are bytes since the beginning: the
// peer sent them and they have arrived; the program has received them; it has sent them; the
// peer has acknowledged them. If the kernel's part is unknown, Arrived is Received and
// Acknowledged is Sent.
type Step struct {
	At time.Duration // when the call returned, since the beginning of the life
	trace.Record
	Arrived, Received, Sent, Acknowledged int64
	State                                 string // of the connection; "" if it is unknown

	// What has happened since the last step, as far as this step shows it.
	PeerFinished bool // the FIN of the peer has arrived
	Finished     bool // our FIN was sent
	PeerReset    bool // a reset of the peer has arrived
	Reset        bool // we have reset the connection
}

// Waiting returns how many bytes wait in the receive queue, in the program, and in the send
// queue.
func (s *Step) Waiting() (arrived, owed, unacknowledged int64) {
	return s.Arrived - s.Received, max(0, s.Received-s.Sent), s.Sent - s.Acknowledged
}

// Duration returns how long the life took.
func (l *Life) Duration() time.Duration {
	if len(l.Steps) == 0 {
		return 0
	}
	return l.Steps[len(l.Steps)-1].At
}

// End returns how the life ended, in a few words.
func (l *Life) End() string {
	for i := range l.Steps {
		switch s := &l.Steps[i]; {
		case s.PeerReset:
			return "reset by the peer"
		case s.Errno == "ETIMEDOUT":
			return "given up by the kernel"
		case s.Reset:
			return "reset"
		case s.Op == trace.Close:
			return "finished"
		}
	}
	return "still open"
}

// Lives returns the lives in a trace, in the order in which they began.
func Lives(f *trace.File) []*Life {
	var lives []*Life
	open := map[int]*reader{}
	for i := range f.Records {
		rec := &f.Records[i]
		if rec.Conn == 0 {
			if rec.Op == trace.Lost {
				for _, r := range open {
					r.life.Lost += rec.N
				}
			}
			continue
		}
		r := open[rec.Conn]
		if r == nil {
			r = newReader(rec, f.Header.Side)
			open[rec.Conn] = r
			lives = append(lives, r.life)
		}
		r.add(rec)
		if rec.Op == trace.Close {
			delete(open, rec.Conn)
		}
	}
	return lives
}

// truncated is the Errno of the end of a stream of TLS by a FIN without close_notify.
const truncated = "truncated"

// reader follows one life.
type reader struct {
	life         *Life
	begin        time.Duration
	last         Step
	peerFinished bool
	finished     bool // we have sent a FIN
	resets       bool // close resets the connection
	gone         bool // the connection has ended before its close, which sends nothing
	unix         bool // close resets the connection if bytes are unread
	unread       int  // bytes that a client did not read, if it looked; then close is a reset (RFC 2525, section 2.17)
}

// newReader returns the reader of the life whose first step is rec.
func newReader(rec *trace.Record, side trace.Side) *reader {
	r := &reader{begin: rec.Time + rec.Took, life: &Life{Number: rec.Conn, Peer: rec.Peer, Local: rec.Local, Rule: rec.Rule, Engine: rec.Engine, Side: side},
		resets: side == trace.Server, unix: rec.Peer == trace.UnixPeer}
	if rec.Op == trace.Begin {
		r.begin = rec.Time
	}
	return r
}

func (r *reader) add(rec *trace.Record) {
	s := Step{At: rec.Time + rec.Took - r.begin, Record: *rec, Received: r.last.Received, Sent: r.last.Sent, State: r.last.State}
	ok := rec.Errno == ""
	switch rec.Op { // a call of package net may move bytes and then fail
	case trace.Receive, trace.Peek:
		r.unread = rec.N
		if rec.Op == trace.Receive {
			s.Received += int64(max(rec.N, 0))
			r.unread = 0
		}
		s.PeerFinished = (ok || rec.Errno == truncated) && rec.N == 0 && rec.Asked > 0
	case trace.Send:
		s.Sent += int64(max(rec.N, 0))
	case trace.Begin, trace.Omitted:
		s.Received, s.Sent = s.Received+rec.Received, s.Sent+rec.Sent
	case trace.LingerOff, trace.LingerOn:
		if ok {
			r.resets = rec.Op == trace.LingerOn
		}
	case trace.Shutdown:
		s.Finished = ok
	case trace.Close: // whatever it returns
		if r.unix {
			r.resets = r.last.Arrived > r.last.Received
		} else if r.life.Side == trace.Client {
			r.resets = r.resets || r.unread > 0
		}
		s.Finished, s.Reset = !r.resets && !r.gone, r.resets && !r.gone
	}
	// After the FIN of the peer, a reset is no error of a call that receives, and EPIPE of one that sends.
	ended := rec.Errno == "EPIPE" && r.life.Side == trace.Server || ok && rec.Op != trace.Wait && rec.Held != nil && rec.Held.State == "CLOSE"
	s.PeerReset = rec.Errno == "ECONNRESET" || ended && !r.gone && !r.finished && !s.Finished && (r.peerFinished || s.PeerFinished)
	r.gone = r.gone || s.PeerReset || rec.Errno == "ETIMEDOUT"
	s.Arrived, s.Acknowledged = max(r.last.Arrived, s.Received), r.last.Acknowledged
	if h := rec.Held; h != nil {
		s.State = h.State
		if h.State != "" {
			r.resets = h.Resets
		}
		s.Arrived = max(s.Arrived, s.Received+int64(h.Arrived))
		s.Acknowledged = max(s.Acknowledged, min(s.Sent, s.Sent-int64(h.Unacknowledged)))
		s.PeerFinished = s.PeerFinished || h.State == "CLOSE_WAIT" || h.State == "LAST_ACK" || h.State == "CLOSING"
	} else if rec.Op == trace.Omitted { // as many wait as before
		s.Arrived, s.Acknowledged = r.last.Arrived+rec.Received, r.last.Acknowledged+rec.Sent
	} else if rec.Op != trace.Close {
		s.Acknowledged = s.Sent
	}
	// Each of them happens once.
	s.PeerFinished, r.peerFinished = s.PeerFinished && !r.peerFinished, r.peerFinished || s.PeerFinished
	s.Finished, r.finished = s.Finished && !r.finished, r.finished || s.Finished
	r.last = s
	r.life.Received, r.life.Sent = s.Received, s.Sent
	r.life.Steps = append(r.life.Steps, s)
}
