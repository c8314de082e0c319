//go:build unix

package gonet

import (
	"io"
	"net"
	"os"
	"syscall"

	"echod/internal/sock"
)

// socket receives from a socket that is waited for without a buffer.
type socket struct {
	c       *conn
	raw     syscall.RawConn
	recv    func(c sock.Calls, fd uintptr, p []byte) (n int, errno syscall.Errno)
	once    func(fd uintptr) (done bool) // s.attempt, made once: each would be an allocation
	one     [1]byte                      // of what has arrived, where there is no buffer
	n       int
	errno   syscall.Errno
	lacking bool // bytes have arrived, and there is no buffer for them
}

func (s *socket) receive(*conn) (int, error) {
	err := s.raw.Read(s.once)
	switch {
	case err != nil:
		return 0, err
	case s.errno != 0:
		return 0, os.NewSyscallError("recv", s.errno)
	case s.lacking:
		return 0, errNoMemory
	case s.n == 0:
		return 0, io.EOF
	}
	s.c.resize(s.n)
	return s.n, nil
}

// attempt receives what is there. False: nothing is, so wait. The first attempt
// after a message has the buffer of that message, later ones take one.
func (s *socket) attempt(fd uintptr) (done bool) {
	c := s.c
	if s.lacking = !c.take(); s.lacking {
		_, s.errno = c.server.calls.Peek(fd, s.one[:])
		return s.errno != syscall.EAGAIN
	}
	if s.n, s.errno = s.recv(c.server.calls, fd, c.buf.Bytes); s.errno != syscall.EAGAIN {
		return true
	}
	c.release()
	return false
}

// receiverOf is how c receives from its peer, and whether it passes bytes on
// without a buffer when there is no memory for one.
func receiverOf(c *conn) (from receiver, passes bool) {
	recv := recvOf(c.peer)
	if recv == nil {
		return blocking{}, false
	}
	raw, err := c.peer.(syscall.Conn).SyscallConn()
	if err != nil {
		return blocking{}, false
	}
	s := &socket{c: c, raw: raw, recv: recv}
	s.once = s.attempt
	return s, canPass
}

// triedOf is how bytes below TLS are received without waiting; nil if peer is no
// socket.
func triedOf(peer net.Conn, calls sock.Calls) *tried {
	tcp, ok := peer.(tcpConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	t := &tried{raw: raw}
	t.once = func(fd uintptr) { t.n, t.errno = calls.Recv(fd, t.into) }
	return t
}
