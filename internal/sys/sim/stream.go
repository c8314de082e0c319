//go:build linux

package sim

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// stream is the server's end of a connection, as net/ipv4/tcp.c keeps it.
type stream struct {
	k      *Kernel
	peer   *Peer
	domain int // the listener's
	closed bool
	linger unix.Linger

	in  []byte    // arrived from the peer, unread
	out []byte    // sent to the peer, which has not taken it
	fin bool      // the peer's FIN stands behind in
	err sys.Errno // sk_err: told once, to whoever asks first
	rst bool      // the connection is no more (state CLOSE)

	received, sent int  // what the server has read and sent: the difference it owes
	sawEOF         bool // the server has been told of the FIN
}

func (k *Kernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	d, s := find[*stream](k, Recv, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	k.mustNotBlock(Recv, d, flags)
	peek := flags&unix.MSG_PEEK != 0
	if s.received > s.sent && !peek && len(p) > 0 {
		k.violate("recv on fd %d while %d bytes are owed on it", fd, s.received-s.sent)
	}
	decision := k.decide(Recv)
	if decision.errno != 0 {
		s.strike(decision.errno)
		d.excuse(decision.errno)
		return 0, decision.errno
	}
	n, errno := s.read(p[:decision.limit(len(p))], peek)
	if errno != unix.EAGAIN {
		d.streak = 0
	}
	return n, errno
}

// read follows tcp_recvmsg_locked: first what is queued, then the FIN, then the
// pending error, and a dead stream without one ends like a finished one.
func (s *stream) read(p []byte, peek bool) (int, sys.Errno) {
	switch {
	case len(s.in) > 0:
		n := copy(p, s.in)
		if !peek {
			s.in = s.in[n:]
			s.received += n
			s.peer.push()
		}
		return n, 0
	case s.fin:
		s.sawEOF = true
		return 0, 0
	case s.err != 0:
		return 0, s.takeError()
	case s.rst:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

func (k *Kernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	d, s := find[*stream](k, Send, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	k.mustNotBlock(Send, d, flags)
	if flags&unix.MSG_NOSIGNAL == 0 {
		k.violate("send on fd %d without MSG_NOSIGNAL", fd)
	}
	decision := k.decide(Send)
	if decision.errno != 0 {
		s.strike(decision.errno)
		d.excuse(decision.errno)
		return 0, decision.errno
	}
	n, errno := s.write(p[:decision.limit(len(p))])
	if errno != unix.EAGAIN {
		d.streak = 0
	}
	return n, errno
}

// write follows tcp_sendmsg_locked and sk_stream_error.
func (s *stream) write(p []byte) (int, sys.Errno) {
	switch {
	case s.err != 0:
		return 0, s.takeError()
	case s.rst:
		return 0, unix.EPIPE
	}
	n := min(len(p), s.room())
	if n == 0 && len(p) > 0 {
		return 0, unix.EAGAIN
	}
	s.out = append(s.out, p[:n]...)
	s.sent += n
	if s.sent > s.received+len(s.in) { // what was only peeked at may be sent
		s.k.violate("%d bytes sent, and only %d came", s.sent, s.received+len(s.in))
	}
	s.peer.take()
	return n, 0
}

// local tells a unix socket, on which lingering means nothing.
func (s *stream) local() bool { return s.domain == unix.AF_UNIX }

func (s *stream) room() int { return max(s.k.SendBuffer-len(s.out), 0) }

func (s *stream) takeError() sys.Errno {
	errno := s.err
	s.err = 0
	return errno
}

func (k *Kernel) Getpeername(fd int, peer *unix.RawSockaddrAny) sys.Errno {
	d, s := find[*stream](k, Getpeername, fd)
	if d == nil {
		return unix.EBADF
	}
	errno := k.decide(Getpeername).errno
	if errno == unix.ENOTCONN {
		s.reset()
	}
	switch {
	case errno != 0:
		return errno
	case s.rst:
		return unix.ENOTCONN
	}
	writeName(unsafe.Pointer(peer), s.domain, s.peer.addr)
	return 0
}

// strike makes an errno that a script chose true: if it says that the
// connection is no more, then it is no more.
func (s *stream) strike(errno sys.Errno) {
	if !ends(errno) {
		return
	}
	s.reset()
	s.err = 0 // it has just been told
}

// reset is tcp_reset: what was on its way out is lost, what has arrived can
// still be read, and the next call learns why.
func (s *stream) reset() {
	if s.rst {
		return
	}
	s.rst, s.out, s.err = true, nil, unix.ECONNRESET
	if s.fin {
		s.err = unix.EPIPE
	}
	s.peer.end(Reset)
}

// ready is tcp_poll.
func (s *stream) ready() int16 {
	var events int16
	if s.rst {
		events |= unix.POLLHUP | unix.POLLRDHUP | unix.POLLIN | unix.POLLOUT
	}
	if s.err != 0 {
		events |= unix.POLLERR
	}
	if s.fin {
		events |= unix.POLLIN | unix.POLLRDHUP
	}
	if len(s.in) > 0 {
		events |= unix.POLLIN
	}
	// sk_stream_is_writeable: not until a third of the buffer is free.
	if 3*s.room() >= s.k.SendBuffer {
		events |= unix.POLLOUT
	}
	return events
}

// close is tcp_close: a reset if the server has not read everything or lingers
// for no time, else a FIN behind what is on its way. On a unix socket only what
// is unread counts (unix_release_sock in net/unix/af_unix.c).
func (s *stream) close() {
	s.closed = true
	abort := !s.local() && s.linger.Onoff == 1 && s.linger.Linger == 0
	if s.rst {
		return
	}
	if len(s.in) > 0 || abort {
		s.reset()
		return
	}
	if s.received != s.sent || !s.sawEOF && !s.local() {
		s.k.violate("closed as if it had ended well: %d of %d bytes sent back, end of file seen: %v",
			s.sent, s.received, s.sawEOF)
	}
	s.peer.take()
}
