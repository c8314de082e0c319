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
	recv    func(fd uintptr, p []byte) (n int, errno syscall.Errno)
	once    func(fd uintptr) (done bool) // s.attempt, made once: each would be an allocation
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
		var one [1]byte
		_, s.errno = sock.Peek(fd, one[:])
		return s.errno != syscall.EAGAIN
	}
	if s.n, s.errno = s.recv(fd, c.buf.Bytes); s.errno != syscall.EAGAIN {
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
func triedOf(peer net.Conn) *tried {
	tcp, ok := peer.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	t := &tried{raw: raw}
	t.once = func(fd uintptr) { t.n, t.errno = sock.Recv(fd, t.into) }
	return t
}
