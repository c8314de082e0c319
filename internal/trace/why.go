package trace

import "fmt"

// story is what is known of a connection from its calls so far.
type story struct {
	side     Side
	in, out  int64  // bytes received and sent
	finished bool   // the peer has finished sending
	shut     bool   // we have
	closed   bool   // the life is over
	gone     string // what has ended the connection before its close; "" if nothing has
	lingers  bool   // close resets the connection
	unix     bool   // a unix socket, for which the kernel decides that: see unread
	unread   int    // bytes that have arrived and are not received, if it is known
	peeked   int    // bytes that stay in the kernel until they are sent, and are not sent yet; of a client, that it does not read
	queried  int    // bytes that were not acknowledged when we last asked
	fd       int    // the descriptor
	engine   string
}

// fdSetSize is FD_SETSIZE: how many descriptors select(2) can watch, from 0 on.
const fdSetSize = 1024

// step returns the reason of a step, and remembers the step. It depends on nothing but the
// steps of this connection.
func (s *story) step(r *Record) string {
	why := s.why(r)
	s.note(r)
	if h := r.Held; h != nil {
		s.unread = h.Arrived
		if h.State != "" {
			s.lingers = h.Resets
		}
	}
	return why
}

// note remembers a step.
func (s *story) note(r *Record) {
	// A call of package net may move bytes and then fail.
	switch moved := max(r.N, 0); r.Op {
	case Receive:
		s.in += int64(moved)
		if s.side == Client {
			s.peeked = 0
		}
	case Omitted:
		s.in, s.out = s.in+r.Received, s.out+r.Sent
	case Send:
		s.out += int64(moved)
		if s.side == Server {
			s.peeked = max(0, s.peeked-moved)
		}
	}
	switch {
	case r.Errno == "ECONNRESET":
		s.gone = "the peer has reset the connection before"
	case r.Errno == "EPIPE" && !s.shut && s.side == Server: // how a reset after a FIN is reported
		s.gone = "the peer has reset the connection before"
	case r.Errno == "ETIMEDOUT":
		s.gone = "the kernel has given the connection up before"
	case r.Errno != "" && r.Op == LingerOn:
		s.lingers = false // it was asked for because the connection has not inherited it
	}
	s.closed = s.closed || r.Op == Close
	if r.Errno != "" {
		return
	}
	switch r.Op {
	case Accept, Connect:
		s.fd, s.engine = r.FD, r.Engine
		s.unix = r.Peer == UnixPeer
		s.lingers = r.Op == Accept && !s.unix // if it is unknown: a listener's sockets have it from the listener
	case Receive, Peek:
		s.finished = s.finished || r.N == 0 && r.Asked > 0
		if r.Op == Peek {
			s.peeked = r.N
		}
	case Shutdown:
		s.shut = true
	case LingerOff, LingerOn:
		s.lingers = r.Op == LingerOn
	case Query:
		s.queried = r.N
	}
	if s.gone == "" && s.finished && !s.shut && reset(r) {
		s.gone = "the peer has reset the connection before"
	}
}

// reset reports whether the connection has ended, although no call has failed: after the FIN of the
// peer, receiving returns 0 also when a reset has followed. If we have sent a FIN, too, it may have
// ended well.
func reset(r *Record) bool {
	return r.Errno == "" && r.Op != Wait && r.Held != nil && r.Held.State == "CLOSE"
}

// owed returns how many bytes are still to be sent back: by us if we are the server, to us if
// we are the client.
func (s *story) owed() int64 {
	if s.side == Client {
		return s.out - s.in
	}
	return s.in - s.out
}

func (s *story) why(r *Record) string {
	if r.Errno != "" && r.Op != Close { // whatever close returns, the connection is closed
		return s.whyFailed(r)
	}
	switch r.Op {
	case Accept:
		if r.Engine == "net" {
			return "a connection was in the queue of the listener; the calls are those of package net, seen from above"
		}
		return "a connection was in the queue of the listener"
	case Connect:
		return "the service has accepted the connection, or its kernel has"
	case Begin:
		return fmt.Sprintf("the trace begins here, %s after accept", Short(r.Took))
	case Wait:
		return s.whyReady(r)
	case Watch:
		return s.whyWatched(r)
	case Receive:
		return s.whyReceived(r)
	case Peek:
		if r.N == 0 {
			return s.whyReceived(r)
		}
		if s.side == Client {
			return fmt.Sprintf("%s not read", are(int64(r.N)))
		}
		return fmt.Sprintf("%s arrived and stay in the kernel until they are sent back", count(r.N))
	case Send:
		return s.whySent(r)
	case Shutdown:
		if s.side == Client {
			return "a FIN: all is sent, and the answer is still to come"
		}
		if s.lingers {
			return "a FIN: the client is refused, and has time to read why"
		}
		return "a FIN: all is sent, but not yet acknowledged, so the socket stays open"
	case LingerOff:
		if s.gone != "" {
			return "the connection has ended already: close will send nothing"
		}
		return "the honest end: close will send a FIN, and not a reset"
	case LingerOn:
		if s.gone != "" {
			return "the connection has ended already: close will send nothing"
		}
		return "close will send a reset"
	case Query:
		return notAcknowledged(r.N)
	case Handshake:
		return "the peers have agreed on keys: bytes of the stream may follow"
	case CloseNotify:
		return "a close_notify: the peer knows that nothing is missing"
	case Deadline:
		return "receiving and sending are interrupted at this time"
	case Close:
		return s.whyClosed()
	}
	return ""
}

func (s *story) whyFailed(r *Record) string {
	if r.Op == Handshake {
		return "the handshake failed: the client is refused"
	}
	switch r.Errno {
	case "EAGAIN":
		switch r.Op {
		case Receive, Peek:
			return "nothing has arrived"
		case Send:
			return fmt.Sprintf("the kernel has no room: %s wait until the peer takes some", count(r.Asked))
		}
	case "EINTR":
		return "a signal interrupted the call: it is repeated"
	case "ECONNRESET":
		return "the peer has reset the connection"
	case "EPIPE":
		if s.shut {
			return "sending has ended with our FIN"
		}
		return "the peer takes nothing any more"
	case "ETIMEDOUT":
		return "the kernel gave up: the peer did not acknowledge"
	case "i/o timeout":
		return "the deadline has passed"
	case "truncated":
		return "a FIN without a close_notify: bytes may be missing"
	case "use of closed network connection":
		return "another goroutine has closed the connection"
	}
	return "the call failed"
}

func (s *story) whyReady(r *Record) string {
	switch {
	case has(r.Events, Failed), !s.finished && !s.shut && r.Held != nil && r.Held.State == "CLOSE" && r.Held.Arrived == 0:
		return "the connection has failed: the next call says how"
	case has(r.Events, Writable):
		return fmt.Sprintf("there is room again for the %s that are owed", count(max(int(s.owed()), s.peeked)))
	case r.Held == nil:
		return "bytes have arrived, or the peer has finished"
	case r.Held.Arrived > 0:
		return fmt.Sprintf("%s arrived", count(r.Held.Arrived))
	case s.unix:
		return "the peer has finished, or has gone"
	case r.Held.State == "CLOSE_WAIT" || r.Held.State == "LAST_ACK":
		return "the peer has finished: its FIN has arrived"
	}
	return "the socket is ready"
}

func (s *story) whyWatched(r *Record) string {
	switch {
	case len(r.Events) == 0:
		return "no event of this connection is of interest"
	case has(r.Events, Writable) && !has(r.Events, Readable):
		return "wait for room, and read nothing meanwhile: this is the backpressure"
	case s.out > 0:
		return "nothing is owed: wait for the next bytes"
	}
	return "wait until bytes arrive"
}

func (s *story) whyReceived(r *Record) string {
	switch {
	case r.N == 0 && r.Asked == 0:
		return ""
	case r.N == 0 && !s.shut && reset(r):
		return "the peer has finished, and then it has reset the connection"
	case r.N == 0 && s.owed() == 0:
		return "the peer has finished, and nothing is owed: a half-close"
	case r.N == 0:
		return fmt.Sprintf("the peer has finished: %s missing", are(s.owed()))
	case s.side == Client:
		if left := s.owed() - int64(r.N); left > 0 {
			return fmt.Sprintf("%s came back, %s to come", count(r.N), are(left))
		}
		return "all came back"
	case s.in < s.out: // after a peek
		return fmt.Sprintf("%s taken from the kernel: %s sent already", are(int64(r.N)), they(r.N))
	case s.in == s.out:
		return fmt.Sprintf("%s owed", are(int64(r.N)))
	}
	return fmt.Sprintf("%s more are owed", count(r.N))
}

func (s *story) whySent(r *Record) string {
	switch left := s.owed() - int64(r.N); {
	case r.Asked == 0:
		return "nothing is sent: the call only asks for the state"
	case s.side == Client:
		if r.N < r.Asked {
			return fmt.Sprintf("the kernel took only a part: %s left", are(int64(r.Asked-r.N)))
		}
		if left := s.owed() + int64(r.N); left > 0 {
			return fmt.Sprintf("%s to come back", are(left))
		}
		return "all of it has come back before the call returned"
	case left > 0:
		return fmt.Sprintf("%s could not be sent, so reading stops", count(int(left)))
	case left < 0 && r.N < s.peeked:
		return fmt.Sprintf("%s sent, and taken from the kernel next; %s there", are(int64(r.N)), stay(s.peeked-r.N))
	case left < 0:
		return fmt.Sprintf("%s sent, and taken from the kernel next", are(int64(r.N)))
	}
	return "all is sent: nothing is owed"
}

func (s *story) whyClosed() string {
	switch {
	case s.side == Client && s.gone != "":
		return "the end: " + s.gone
	case s.side == Client && s.peeked > 0:
		return fmt.Sprintf("the end: a reset, since %s not read", are(int64(s.peeked)))
	case s.side == Client && s.lingers:
		return "the end: a reset"
	case s.side == Client && s.shut:
		return "the end"
	case s.side == Client && s.owed() == 0:
		return "the end: a FIN"
	case s.side == Client:
		return fmt.Sprintf("the end: %s not waited for", are(s.owed()))
	case s.unix && s.unread > 0:
		return fmt.Sprintf("a reset: %s unread", are(int64(s.unread)))
	case s.unix:
		return "an end of file: nothing is unread"
	case s.gone != "":
		if s.owed() > 0 {
			return fmt.Sprintf("a reset: %s, and %s lost", s.gone, are(s.owed()))
		}
		return "a reset: " + s.gone
	case s.lingers && s.shut && s.queried > 0:
		return fmt.Sprintf("a reset: %s not acknowledged, and may be lost", are(int64(s.queried)))
	case s.lingers && s.shut && s.in == 0:
		return "a reset, unless the client has closed, too: it is refused"
	case s.lingers && s.in == 0 && !s.finished && s.engine == "select" && s.fd >= fdSetSize:
		return fmt.Sprintf("a reset: descriptor %d has no bit in an fd_set of 1,024", s.fd)
	case s.lingers && s.in == 0 && !s.finished: // refused, idle, or reset by a drain
		return "a reset: no byte of this stream was received"
	case s.lingers && s.owed() > 0:
		return fmt.Sprintf("a reset: %s lost, and the peer must know", are(s.owed()))
	case s.lingers:
		return "a reset: the stream has no clean end"
	case s.unread > 0:
		return fmt.Sprintf("a reset: %s unread", are(int64(s.unread)))
	case s.shut && s.queried > 0:
		return fmt.Sprintf("%s not acknowledged when it was asked: the kernel goes on to deliver what is left", were(s.queried))
	case s.shut:
		return "all is acknowledged"
	}
	return "a FIN: the peer has all of its bytes, or will get them"
}

func notAcknowledged(n int) string {
	if n == 0 {
		return "the peer has acknowledged everything"
	}
	return are(int64(n)) + " not acknowledged yet"
}

// count and are write a number of bytes, as the subject of a sentence.
func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func are(n int64) string {
	if n == 1 {
		return "1 byte is"
	}
	return fmt.Sprintf("%d bytes are", n)
}

func were(n int) string {
	if n == 1 {
		return "1 byte was"
	}
	return fmt.Sprintf("%d bytes were", n)
}

// they and stay refer to n bytes that were named before.
func they(n int) string {
	if n == 1 {
		return "it is"
	}
	return "they are"
}

func stay(n int) string {
	if n == 1 {
		return "1 byte stays"
	}
	return fmt.Sprintf("%d bytes stay", n)
}

func has(events []Event, e Event) bool {
	for _, one := range events {
		if one == e {
			return true
		}
	}
	return false
}
