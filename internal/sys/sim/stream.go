//go:build linux

package sim

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// stream is a descriptor's view of a connection: an end of it, and what the
// server did with it so far.
type stream struct {
	k      *Kernel
	end    endpoint
	domain int
	port   uint16         // its own
	addr   netip.AddrPort // the far end's; none on a unix socket
	linger unix.Linger
	starved

	progress progress
	accepted bool // by a listener of an echo service: its promises hold
	received int  // what the server has read of it
	sent     int  // and sent: the difference it owes
	sawEOF   bool // the server has been told of the FIN
	closed   bool
}

// progress is how far connect(2) has got on a TCP socket, as far as its callers
// have been told (sock->state).
type progress uint8

const (
	settled       progress = iota // SS_CONNECTED
	connecting                    // SS_CONNECTING: the next connect tells how it went
	disconnecting                 // SS_DISCONNECTING: shut down before anybody asked
)

// settle is what shutdown(2) does about it.
func (s *stream) settle() {
	end, ok := s.end.(*tcp)
	switch {
	case !ok || s.progress != connecting:
	case end.dead() || end.synSent:
		s.progress = disconnecting
	default:
		s.progress = settled
	}
}

// Recv is recv(2), on a stream or on a datagram socket.
func (k *Kernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	if d, ok := k.datagramsAt(fd); ok {
		return k.recvDatagram(d, p, flags)
	}
	d, s := find[*stream](k, Recv, fd)
	if s == nil {
		errno := k.wrongFile(Recv, fd)
		if f, ok := k.fileAt(fd).(*socket); ok {
			errno = f.recvUnconnected(flags)
		}
		return 0, errno
	}
	k.mustNotBlock(Recv, d, flags)
	peek := flags&(unix.MSG_PEEK|unix.MSG_OOB) != 0
	if s.accepted && s.received > s.sent && !peek && len(p) > 0 {
		k.violate("recv on fd %d while %d bytes are owed on it", fd, s.received-s.sent)
	}
	decision := k.decide(Recv)
	if decision.errno != 0 {
		s.strike(decision.errno)
		d.excuse(decision.errno)
		return 0, decision.errno
	}
	if s.starving(Recv) {
		return 0, unix.EAGAIN
	}
	n, errno := s.end.read(p[:decision.limit(len(p))], flags)
	if errno != unix.EAGAIN {
		d.streak = 0
	}
	switch {
	case errno == 0 && n == 0 && len(p) > 0:
		s.sawEOF = true
	case !peek:
		s.received += n
	}
	return n, errno
}

// Send is send(2) on a connected socket.
func (k *Kernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	if d, ok := k.datagramsAt(fd); ok && d.file.(*datagrams).peer.IsValid() {
		return k.sendDatagram(d, p, flags)
	}
	d, s := find[*stream](k, Send, fd)
	if s == nil {
		errno := k.wrongFile(Send, fd)
		if f, ok := k.fileAt(fd).(*socket); ok {
			errno = f.sendUnconnected(len(p), flags)
		}
		return 0, errno
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
	if s.starving(Send) {
		return 0, unix.EAGAIN
	}
	n, errno := s.end.write(p[:decision.limit(len(p))], flags)
	if errno != unix.EAGAIN {
		d.streak = 0
	}
	s.sent += n
	if most := s.received + s.end.unread(); s.accepted && s.sent > most { // what was only peeked at may be sent
		k.violate("%d bytes sent, and only %d came", s.sent, most)
	}
	return n, errno
}

// local reports whether s is on a unix socket, on which lingering means nothing.
func (s *stream) local() bool { return s.domain == unix.AF_UNIX }

// Getpeername fails with ENOTCONN once a TCP connection is in the state CLOSE.
func (k *Kernel) Getpeername(fd int, peer *unix.RawSockaddrAny) sys.Errno {
	_, s := find[*stream](k, Getpeername, fd)
	if s == nil {
		return k.wrongFile(Getpeername, fd)
	}
	errno := k.decide(Getpeername).errno
	if errno == unix.ENOTCONN {
		s.end.lose(unix.ECONNRESET)
	}
	switch {
	case errno != 0:
		return errno
	case !s.end.alive():
		return unix.ENOTCONN
	}
	writeName(unsafe.Pointer(peer), s.domain, s.addr)
	return 0
}

// strike makes an errno that a script chose true: if it says that the
// connection is no more, then it is no more.
func (s *stream) strike(errno sys.Errno) {
	if ends(errno) {
		s.end.lose(0) // it is reported already
	}
}

func (s *stream) ready() int16 { return s.end.ready() }

// close is close(2) on the last descriptor of a connection.
func (s *stream) close() {
	abort := !s.local() && s.linger.Onoff == 1 && s.linger.Linger == 0
	clean := !s.end.isReset() && s.end.unread() == 0 && !abort
	if s.accepted && clean && (s.received != s.sent || !s.sawEOF && !s.local()) {
		s.k.violate("closed as if it had ended well: %d of %d bytes sent back, end of file seen: %v",
			s.sent, s.received, s.sawEOF)
	}
	s.closed = true
	s.end.close(abort)
	if end, ok := s.end.(*tcp); ok && s.sent >= smallestWindow {
		s.k.orphan(end)
	}
}
