//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// tcp is one end of a TCP connection, as net/ipv4/tcp.c and tcp_input.c of
// Linux 6.18 keep it.
type tcp struct {
	side
	far *tcp // nil until the connection is established

	in  []byte // the receive queue: arrived, unread
	urg urgent // where in it the urgent byte is
	fin bool   // the far end's FIN has arrived (SOCK_DONE)

	out     []byte // sent, and not delivered because the far window is full
	mark    int    // the index in out of the urgent byte; -1: none
	finDue  bool   // a FIN follows out
	finSent bool   // it has been delivered

	shut    int  // sk_shutdown, as far as shutdown(2) set it
	reset   bool // the connection is no more, by a reset
	synSent bool // the listener has not answered
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
	urgentRead               // TCP_URG_READ: MSG_OOB took it; it still holds its place
)

// newTCP returns an end that is not connected.
func newTCP(rcv, snd limit) *tcp { return &tcp{side: side{rcv: rcv, snd: snd}, mark: -1} }

// dead is the state CLOSE: after a reset, and when both FINs are delivered.
func (s *tcp) dead() bool { return s.reset || s.fin && s.finSent }

func (s *tcp) alive() bool   { return !s.dead() && !s.synSent }
func (s *tcp) isReset() bool { return s.reset }
func (s *tcp) unread() int   { return len(s.in) }
func (s *tcp) room() int     { return max(s.snd()-len(s.out), 0) }

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

// write follows tcp_sendmsg_locked and sk_stream_error. The last byte of a send
// with MSG_OOB is the urgent one (tcp_mark_urg).
func (s *tcp) write(p []byte, flags int) (int, sys.Errno) {
	switch {
	case s.err != 0:
		return 0, s.takeError()
	case s.shutdownNow()&sndShutdown != 0:
		return 0, unix.EPIPE
	case s.synSent:
		return 0, unix.EAGAIN
	}
	n := min(len(p), s.room())
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

// deliver moves what the far window has room for, and the FIN after the last
// byte. Data that reaches a closed socket, or one that was shut down both ways,
// is answered by a reset (RFC 1122, 4.2.2.13; tcp_rcv_state_process).
func (s *tcp) deliver() {
	if s.reset || s.synSent || s.far == nil {
		return
	}
	far := s.far
	if len(s.out) > 0 && (far.closed || far.shut == allShutdown && !far.fin) {
		if s.mark >= 0 && !far.closed { // noticed before the rest (tcp_urg)
			far.checkUrgent(s.mark, s.out[s.mark])
		}
		far.getReset()
		s.getReset()
		return
	}
	if n := min(len(s.out), max(far.rcv()-len(far.in), 0)); n > 0 {
		segment := s.out[:n]
		s.out = s.out[n:]
		at := s.mark
		if s.mark >= n {
			at = -1
		}
		s.mark = max(s.mark-n, -1)
		far.arrive(segment, at)
		defer far.changed()
	}
	if len(s.out) == 0 && s.finDue && !s.finSent {
		s.finSent, far.fin = true, true
		defer far.changed()
	}
}

// arrive queues a segment; at is the index of the urgent byte in it, or -1.
func (s *tcp) arrive(segment []byte, at int) {
	if at >= 0 {
		s.checkUrgent(at, segment[at])
	}
	s.in = append(s.in, segment...)
}

// checkUrgent is tcp_check_urg: an urgent byte is on its way, at bytes behind
// what is queued. Where an older one stands first in the queue, it is no longer
// part of the stream.
func (s *tcp) checkUrgent(at int, value byte) {
	if s.urg.state != noUrgent && s.urg.at == 0 && !s.inline && len(s.in) > 0 {
		s.in = s.in[1:]
	}
	s.urg = urgent{state: urgentUnread, at: len(s.in) + at, value: value}
}

// getReset is tcp_reset: what was on its way out is lost, what has arrived can
// still be read, and the next call is told why.
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

// lose is tcp_write_err and its like: this end is told errno, the far end gets a
// reset.
func (s *tcp) lose(errno sys.Errno) {
	if s.dead() {
		return
	}
	s.reset, s.out, s.mark = true, nil, -1
	s.err = errno
	if s.far != nil {
		s.far.getReset()
	}
}

func (s *tcp) pull() {
	if s.far != nil {
		s.far.deliver()
	}
}

// close is __tcp_close: a reset if there is unread input, or if lingering is on
// for no time, else a FIN behind what is on its way.
func (s *tcp) close(reset bool) {
	s.closed = true
	switch {
	case s.dead() || s.synSent:
		s.reset = true
	case len(s.in) > 0 || reset:
		s.reset, s.out = true, nil
		s.far.getReset()
	default:
		s.finDue = true
		s.deliver()
	}
}

// shutdown is inet_shutdown of a connected socket. It changes nothing about what
// arrives after SHUT_RD: Linux goes on queueing it.
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

// outq is SIOCOUTQ: write_seq - snd_una, in which the FIN counts.
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
		// sk_stream_is_writeable: not until a third of the buffer is free.
		if shut&sndShutdown != 0 || 3*s.room() >= s.snd() {
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

// readable is tcp_stream_is_readable: an urgent byte that stands first and is
// not in line is no input by itself.
func (s *tcp) readable() bool {
	want := 1
	if s.urg.state != noUrgent && s.urg.at == 0 && !s.inline {
		want = 2
	}
	return len(s.in) >= want
}
