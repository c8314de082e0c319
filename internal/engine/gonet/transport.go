package gonet

import (
	"errors"
	"io"
	"os"
	"syscall"

	"echod/internal/sock"
)

// transport receives from a peer and sends to it. It gets the buffer of its connection
// when bytes have arrived, and releases it when nothing is owed and no more have arrived:
// a connection that waits for its peer to send has no buffer.
type transport interface {
	// receive waits until bytes have arrived. n of them are in c.buf then. The error
	// is errNoMemory if there is no buffer for them, and io.EOF if the peer has
	// half-closed. It may return 0 and nil: call it again.
	receive(c *conn) (n int, err error)
	// send waits until n of the owed bytes are sent, at least one. It may return 0 and
	// nil: call it again.
	send(c *conn) (n int, err error)
}

// errNoMemory is returned by a transport that has no buffer.
var errNoMemory = errors.New("no memory for a buffer")

// transportOf returns the transport of a connection without TLS.
func transportOf(c *conn) transport {
	if s, ok := c.socket.(socketConn); ok && sock.CanRecv {
		if raw, err := s.SyscallConn(); err == nil {
			return newSocket(c, raw)
		}
	}
	return &blocking{want: c.server.firstBuffer()}
}

// socket is the transport of a socket. It makes the system calls itself, and waits in
// RawConn without a buffer, or with one that has no more room than it needs. Package net
// would announce each call to the Go scheduler, as one that may block.
type socket struct {
	c    *conn
	raw  syscall.RawConn
	call func(fd uintptr) (done bool) // calls next; made once: it is an allocation
	next func(s *socket, fd uintptr) (done bool)

	// What the last call returned.
	n        int
	errno    syscall.Errno
	noMemory bool    // bytes have arrived and there is no buffer for them
	one      [1]byte // the first of them

	unread bool   // owed bytes stay unread in the kernel: see unread.go
	burst  uint32 // bytes received since the connection has last waited or yielded
}

func newSocket(c *conn, raw syscall.RawConn) *socket {
	_, tcp := c.socket.(tcpConn)
	s := &socket{c: c, raw: raw, unread: !tcp && sock.CanLeaveUnread}
	s.call = func(fd uintptr) bool { return s.next(s, fd) }
	return s
}

// longestBurst is how many bytes are received before a connection yields although more have
// arrived. On one processor, all others would wait up to 10 ms for a peer that keeps its goroutine
// busy: see yield.
const longestBurst = 2 << 20

// receive waits until tryRecv returns true. The runtime calls it now, and then whenever
// the socket is readable.
func (s *socket) receive(*conn) (int, error) {
	if s.burst >= longestBurst {
		s.burst = 0
		s.c.server.yield.wait()
	}
	s.next = (*socket).tryRecv
	if err := s.raw.Read(s.call); err != nil {
		return 0, err
	}
	switch {
	case s.errno == syscall.EINTR:
		return 0, nil
	case s.errno != 0:
		return 0, os.NewSyscallError("recv", s.errno)
	case s.n == 0:
		return 0, io.EOF
	case s.noMemory:
		return 0, errNoMemory
	}
	return s.n, nil
}

// tryRecv receives what has arrived. It returns false if nothing has: then it has
// released the buffer. The first call after a message still has the buffer of that
// message. This call cannot be saved: a FIN may have arrived with the message, and the
// runtime's poller, which is edge-triggered, does not report it again.
func (s *socket) tryRecv(fd uintptr) (done bool) {
	c := s.c
	s.noMemory = !c.getBuffer(c.server.cfg.Buffer)
	switch {
	case s.noMemory:
		s.n, s.errno = c.server.calls.Peek(fd, s.one[:])
	case s.unread:
		s.n, s.errno = c.server.calls.Peek(fd, c.buf.Bytes)
	default:
		s.n, s.errno = c.server.calls.Recv(fd, c.buf.Bytes)
	}
	if s.errno == syscall.EAGAIN {
		s.burst = 0
		c.release()
		return false
	}
	s.burst += uint32(max(s.n, 0))
	return true
}

// send waits until trySend returns true. The runtime calls it now, and then whenever the
// peer has made room.
func (s *socket) send(*conn) (int, error) {
	s.next = (*socket).trySend
	if err := s.raw.Write(s.call); err != nil {
		return 0, err
	}
	if s.errno != 0 && s.errno != syscall.EINTR {
		return s.n, os.NewSyscallError("send", s.errno)
	}
	return s.n, nil
}

// trySend sends what the kernel takes. It returns false if that is nothing: then it has
// replaced a buffer that is much too large.
func (s *socket) trySend(fd uintptr) (done bool) {
	c := s.c
	if s.n, s.errno = c.server.calls.Send(fd, c.buf.Owed); s.errno == syscall.EAGAIN {
		s.burst = 0
		c.shrinkBuffer()
		return false
	}
	if s.unread {
		s.consume(fd)
	}
	return true
}

// blocking is the transport of a connection that can only be read with a buffer: one that
// is not a socket, or any on a system without sock.CanRecv.
type blocking struct {
	want int // the size of the next buffer, in bytes
}

func (b *blocking) receive(c *conn) (int, error) {
	if c.buf != nil && len(c.buf.Bytes) > b.want {
		c.release() // it waits with a small one
	}
	if !c.getBuffer(b.want) {
		return 0, errNoMemory
	}
	n, err := c.socket.Read(c.buf.Bytes)
	b.resize(c, n)
	return n, err
}

// resize chooses the size of the next buffer after n bytes were received: twice the
// size of this one if they filled it, half if they needed at most a quarter of it.
func (b *blocking) resize(c *conn, n int) {
	size := len(c.buf.Bytes)
	switch {
	case n == size:
		b.want = min(2*size, c.server.cfg.Buffer)
	case n <= size/4:
		b.want = max(size/2, c.server.firstBuffer())
	default:
		b.want = size
	}
}

func (*blocking) send(c *conn) (int, error) { return c.socket.Write(c.buf.Owed) }
