//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// tcp is one end of a TCP connection, as net/ipv4/tcp.c and tcp_input.c of Linux 6.18 keep
// it.
type tcp struct {
	side
	peer *tcp // nil until the connection is established

	in  []byte // the receive queue: arrived and unread
	urg urgent // the urgent byte in it
	fin bool   // the other end's FIN has arrived (SOCK_DONE)

	out     []byte // sent and not delivered, because the window of the other end is full
	mark    int    // the index in out of the urgent byte; -1: none
	finDue  bool   // a FIN follows out
	finSent bool   // it has been delivered
	closing bool   // it was due before the other end's FIN arrived

	shut    int  // sk_shutdown, as far as shutdown(2) set it
	reset   bool // a reset has ended the connection
	synSent bool // the connection is not established yet
}

// urgent is the urgent byte of a receive queue (tp->urg_data, tp->urg_seq).
type urgent struct {
	state urgentState
	at    int // its index in the queue
	value byte
}

type urgentState uint8

const (
	noUrgent     urgentState = iota
	urgentUnread             // TCP_URG_VALID
	urgentRead               // TCP_URG_READ: read with MSG_OOB; it is still in the queue
)

// newTCP returns an end without a connection.
func newTCP(rcv, snd limit) *tcp { return &tcp{side: side{rcv: rcv, snd: snd}, mark: -1} }

// dead reports whether it is in the state CLOSE: after a reset, and after both FINs.
func (s *tcp) dead() bool { return s.reset || s.fin && s.finSent }

func (s *tcp) alive() bool   { return !s.dead() && !s.synSent }
func (s *tcp) isReset() bool { return s.reset }
func (s *tcp) unread() int   { return len(s.in) }
func (s *tcp) space() int    { return max(s.snd()-len(s.out), 0) }

// shutdownNow is sk_shutdown.
func (s *tcp) shutdownNow() int {
	switch {
	case s.dead():
		return allShutdown
	case s.fin:
		return s.shut | rcvShutdown
	}
	return s.shut
}

// write is tcp_sendmsg_locked and sk_stream_error. The last byte of a send with MSG_OOB is the
// urgent one (tcp_mark_urg).
func (s *tcp) write(p []byte, flags int) (int, sys.Errno) {
	switch {
	case s.err != 0:
		return 0, s.takeError()
	case s.shutdownNow()&sndShutdown != 0:
		return 0, unix.EPIPE
	case s.synSent:
		return 0, unix.EAGAIN
	}
	n := min(len(p), s.space())
	if n == 0 && len(p) > 0 {
		return 0, unix.EAGAIN
	}
	s.out = append(s.out, p[:n]...)
	if flags&unix.MSG_OOB != 0 && n > 0 {
		s.mark = len(s.out) - 1
	}
	s.deliver()
	return n, 0
}

// deliver moves as much as the window of the other end has space for, and the FIN after the last
// byte. Data for a closed socket, or for one that was shut down in both directions, is
// answered by a reset (RFC 1122, 4.2.2.13; tcp_rcv_state_process).
func (s *tcp) deliver() {
	if s.reset || s.synSent || s.peer == nil {
		return
	}
	peer := s.peer
	if len(s.out) > 0 && (peer.closed || peer.shut == allShutdown && !peer.fin) {
		if s.mark >= 0 && !peer.closed { // checked before the rest (tcp_urg)
			peer.checkUrgent(s.mark, s.out[s.mark])
		}
		peer.getReset()
		s.getReset()
		return
	}
	if n := min(len(s.out), max(peer.rcv()-len(peer.in), 0)); n > 0 {
		segment := s.out[:n]
		s.out = s.out[n:]
		at := s.mark
		if s.mark >= n {
			at = -1
		}
		s.mark = max(s.mark-n, -1)
		peer.arrive(segment, at)
		defer peer.changed()
	}
	if len(s.out) == 0 && s.finDue && !s.finSent {
		s.finSent, peer.fin, peer.closing = true, true, peer.finDue
		defer peer.changed()
	}
}

// arrive queues a segment; at is the index of the urgent byte in it, or -1.
func (s *tcp) arrive(segment []byte, at int) {
	if at >= 0 {
		s.checkUrgent(at, segment[at])
	}
	s.in = append(s.in, segment...)
}

// checkUrgent is tcp_check_urg: an urgent byte arrives, at bytes after what is queued. An older
// one at the front of the queue is not part of the stream any more.
func (s *tcp) checkUrgent(at int, value byte) {
	if s.urg.state != noUrgent && s.urg.at == 0 && !s.inline && len(s.in) > 0 {
		s.in = s.in[1:]
	}
	s.urg = urgent{state: urgentUnread, at: len(s.in) + at, value: value}
}

// getReset is tcp_reset: what was not delivered is lost, what has arrived can still be read, and
// the next call reports why.
func (s *tcp) getReset() {
	if s.dead() {
		return
	}
	switch {
	case s.synSent:
		s.err = unix.ECONNREFUSED
	case s.fin && !s.finDue: // CLOSE_WAIT
		s.err = unix.EPIPE
	default:
		s.err = unix.ECONNRESET
	}
	s.reset, s.synSent, s.out, s.mark = true, false, nil, -1
	s.changed()
}

// lose is tcp_write_err and similar: this end reports errno, the other end gets a reset.
func (s *tcp) lose(errno sys.Errno) {
	if s.dead() {
		return
	}
	s.reset, s.out, s.mark = true, nil, -1
	s.err = errno
	if s.peer != nil {
		s.peer.getReset()
	}
}

func (s *tcp) pull() {
	if s.peer != nil {
		s.peer.deliver()
	}
}

// close is __tcp_close: a reset if there is unread input, or linger is on with a time of 0; else
// a FIN after what was sent.
func (s *tcp) close(reset bool) {
	s.closed = true
	switch {
	case s.dead() || s.synSent:
		s.reset = true
	case len(s.in) > 0 || reset:
		s.reset, s.out = true, nil
		s.peer.getReset()
	default:
		s.finDue = true
		s.deliver()
	}
}

// shutdown is inet_shutdown of a connected socket. Linux continues to queue what arrives after
// SHUT_RD.
func (s *tcp) shutdown(how int) sys.Errno {
	bits, errno := shutdownBits(how)
	switch {
	case errno != 0:
		return errno
	case s.dead():
		s.shut |= bits
		return unix.ENOTCONN
	}
	s.shut |= bits
	if bits&sndShutdown != 0 {
		s.finDue = true
		s.deliver()
	}
	return 0
}

// outq is SIOCOUTQ: write_seq - snd_una, which includes the FIN.
func (s *tcp) outq() int {
	if s.synSent {
		return 0
	}
	n := len(s.out)
	if s.finDue && !s.finSent && !s.reset {
		n++
	}
	return n
}

// ready is tcp_poll.
func (s *tcp) ready() int16 {
	var events int16
	shut := s.shutdownNow()
	if shut == allShutdown || s.dead() {
		events |= unix.POLLHUP
	}
	if shut&rcvShutdown != 0 {
		events |= unix.POLLIN | unix.POLLRDHUP
	}
	if !s.synSent {
		if s.readable() {
			events |= unix.POLLIN
		}
		// sk_stream_is_writeable: only if a third of the buffer is free.
		if shut&sndShutdown != 0 || 3*s.space() >= s.snd() {
			events |= unix.POLLOUT
		}
		if s.urg.state == urgentUnread {
			events |= unix.POLLPRI
		}
	}
	if s.err != 0 {
		events |= unix.POLLERR
	}
	return events
}

// readable is tcp_stream_is_readable: an urgent byte at the front that is not inline does not
// count as input.
func (s *tcp) readable() bool {
	want := 1
	if s.urg.state != noUrgent && s.urg.at == 0 && !s.inline {
		want = 2
	}
	return len(s.in) >= want
}

// read is tcp_recvmsg_locked: first what is queued, then the FIN, then the pending error. A dead
// stream without an error ends like one with a FIN.
func (s *tcp) read(p []byte, flags int) (int, sys.Errno) {
	if flags&unix.MSG_OOB != 0 {
		return s.readUrgent(p, flags)
	}
	n, passed := s.scan(p)
	if flags&unix.MSG_PEEK == 0 && passed > 0 {
		s.remove(passed)
		defer s.pull()
		if s.peer != nil {
			defer s.peer.changed()
		}
	}
	switch {
	case n > 0 || len(p) == 0 && len(s.in) > 0:
		return n, 0
	case s.fin:
		return 0, 0
	case s.err != 0:
		return 0, s.takeError()
	case s.shutdownNow()&rcvShutdown != 0:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

// scan copies what one recv(2) may return into p. It returns the number of bytes, and how far
// in the queue it came. It stops before an urgent byte if it has copied anything. It skips an
// urgent byte that is not inline.
func (s *tcp) scan(p []byte) (n, passed int) {
	for n < len(p) && passed < len(s.in) {
		end := len(s.in)
		if s.urg.state != noUrgent && s.urg.at >= passed {
			switch {
			case s.urg.at > passed:
				end = min(s.urg.at, len(s.in))
			case n > 0:
				return n, passed
			case !s.inline:
				passed++
				if passed == len(s.in) {
					return n, passed
				}
			}
		}
		copied := copy(p[n:], s.in[passed:end])
		n += copied
		passed += copied
	}
	return n, passed
}

// remove removes the first n bytes of the queue, and the urgent byte if it is among them.
func (s *tcp) remove(n int) {
	s.in = s.in[n:]
	if s.urg.state == noUrgent {
		return
	}
	if s.urg.at -= n; s.urg.at < 0 {
		s.urg = urgent{}
	}
}

// readUrgent is tcp_recv_urg. The byte stays in the queue.
func (s *tcp) readUrgent(p []byte, flags int) (int, sys.Errno) {
	switch {
	case s.inline || s.urg.state != urgentUnread:
		return 0, unix.EINVAL
	case s.dead() && !s.fin:
		return 0, unix.ENOTCONN
	}
	if flags&unix.MSG_PEEK == 0 {
		s.urg.state = urgentRead
	}
	return copy(p, []byte{s.urg.value}), 0
}
