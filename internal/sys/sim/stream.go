//go:build linux

package sim

import (
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// stream is a descriptor of a connection: its end of the connection, and what the program
// has done with it so far.
type stream struct {
	k      *Kernel
	end    endpoint
	domain int
	port   uint16         // its own
	addr   netip.AddrPort // the other end's; none on a unix socket
	linger unix.Linger
	spurious

	progress progress
	accepted bool // by a listener of an echo service: the promises of one are checked
	received int  // bytes that the program has read
	sent     int  // bytes that it has sent; the difference is owed
	sawEOF   bool // it has read the end of file
	closed   bool
}

// progress is how far connect(2) is on a TCP socket, as the program knows it (sock->state).
type progress uint8

const (
	established   progress = iota // SS_CONNECTED
	connecting                    // SS_CONNECTING: the next connect reports the result
	disconnecting                 // SS_DISCONNECTING: shut down before the result was reported
)

// noteShutdown changes progress as shutdown(2) does.
func (s *stream) noteShutdown() {
	end, ok := s.end.(*tcp)
	switch {
	case !ok || s.progress != connecting:
	case end.dead() || end.synSent:
		s.progress = disconnecting
	default:
		s.progress = established
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
		s.applyError(decision.errno)
		d.allowRetry(decision.errno)
		return 0, decision.errno
	}
	if s.isSpurious(Recv) {
		return 0, unix.EAGAIN
	}
	n, errno := s.end.read(p[:decision.limit(len(p))], flags)
	if errno != unix.EAGAIN {
		d.unserved = 0
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
		s.applyError(decision.errno)
		d.allowRetry(decision.errno)
		return 0, decision.errno
	}
	if s.isSpurious(Send) {
		return 0, unix.EAGAIN
	}
	n, errno := s.end.write(p[:decision.limit(len(p))], flags)
	if errno != unix.EAGAIN {
		d.unserved = 0
	}
	s.sent += n
	if most := s.received + s.end.unread(); s.accepted && s.sent > most { // it may send what it has only peeked at
		k.violate("%d bytes sent, and only %d came", s.sent, most)
	}
	return n, errno
}

// local reports whether s is a unix socket, on which SO_LINGER has no effect.
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

// applyError closes the connection if an error that the script chose says so.
func (s *stream) applyError(errno sys.Errno) {
	if endsConnection(errno) {
		s.end.lose(0) // the call returns it
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
		s.k.addOrphan(end)
	}
}

// Outq returns the number of bytes that are not delivered. On a unix socket the kernel
// counts its memory and not the bytes (unix_outq_len in net/unix/af_unix.c); here the
// number of bytes stands for it.
func (k *Kernel) Outq(fd int) (int, sys.Errno) {
	d := k.lookup(Ioctl, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	if errno := k.decide(Ioctl).errno; errno != 0 {
		return 0, errno
	}
	switch f := d.file.(type) {
	case *stream:
		return f.end.outq(), 0
	case *socket:
		if f.listening && f.domain != unix.AF_UNIX {
			return 0, unix.EINVAL
		}
	}
	return 0, 0
}

// SocketError returns the pending error (sk_err) and clears it.
func (k *Kernel) SocketError(fd int) (pending, errno sys.Errno) {
	d := k.lookup(Getsockopt, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	if errno := k.decide(Getsockopt).errno; errno != 0 {
		return 0, errno
	}
	switch f := d.file.(type) {
	case *stream:
		return f.end.takeError(), 0
	case *datagrams:
		return f.takeError(), 0
	}
	return 0, 0
}

// AcceptQueue returns the length of the accept queue (tcp_get_info in
// net/ipv4/tcp.c).
func (k *Kernel) AcceptQueue(fd int) (int, sys.Errno) {
	d := k.lookup(Getsockopt, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	if errno := k.decide(Getsockopt).errno; errno != 0 {
		return 0, errno
	}
	switch f := d.file.(type) {
	case *socket:
		if f.domain == unix.AF_UNIX {
			return 0, unix.EOPNOTSUPP
		}
		return len(f.queue), 0
	case *stream:
		if f.local() {
			return 0, unix.EOPNOTSUPP
		}
		return 0, 0
	}
	return 0, unix.EOPNOTSUPP
}

// Shutdown is shutdown(2).
func (k *Kernel) Shutdown(fd, how int) sys.Errno {
	d := k.lookup(Shutdown, fd)
	if d == nil {
		return unix.EBADF
	}
	errno := k.decide(Shutdown).errno
	switch f := d.file.(type) {
	case *stream:
		if errno == unix.ENOTCONN {
			f.end.lose(unix.ECONNRESET)
		}
		if _, errno := shutdownBits(how); errno == 0 {
			f.noteShutdown()
		}
		return f.end.shutdown(how)
	case *socket:
		return f.shutdown(how)
	case *datagrams:
		return unix.ENOTCONN
	}
	return unix.ENOTSOCK
}

// spurious is the set of calls that fail with EAGAIN although poll reports that the socket is
// ready. A kernel may do that for any time: send(2) while tcp_mem is used up
// (tcp_sendmsg_locked waits for memory, tcp_poll checks only the socket's own buffer),
// recv(2) and accept(2) when what was there has gone (select(2), "BUGS").
type spurious struct{ calls []Call }

func (s *spurious) isSpurious(call Call) bool { return slices.Contains(s.calls, call) }

func (s *spurious) setSpurious(call Call, on bool) {
	s.calls = slices.DeleteFunc(s.calls, func(c Call) bool { return c == call })
	if on {
		s.calls = append(s.calls, call)
	}
}

// SpuriousReady makes call (Accept4, Recv, Send, Recvmmsg or Sendmmsg) fail with EAGAIN on
// the socket fd from now on, although poll reports that it is ready; or ends that.
func (k *Kernel) SpuriousReady(fd int, call Call, on bool) {
	switch f := k.files[fd].file.(type) {
	case *socket:
		f.setSpurious(call, on)
	case *stream:
		f.setSpurious(call, on)
	case *datagrams:
		f.setSpurious(call, on)
	default:
		panic("sim: SpuriousReady works on sockets only")
	}
}

// SpuriousReady is [Kernel.SpuriousReady] for the other end of the connection, accepted or
// not. It does nothing while the connection is being made.
func (p *Peer) SpuriousReady(call Call, on bool) {
	if p.server != nil {
		p.server.setSpurious(call, on)
	}
}
