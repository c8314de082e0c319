package sock

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Recv copies what has arrived on the non-blocking stream socket fd into p. n is
// 0 at the end of the stream, and beside an errno.
func (c Calls) Recv(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return c.recv(fd, p, 0)
}

// Peek copies what has arrived on the non-blocking stream socket fd into p and
// leaves it unread (MSG_PEEK of recv(2)). n is 0 at the end of the stream.
func (c Calls) Peek(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return c.recv(fd, p, unix.MSG_PEEK)
}

// Take fills p with what has arrived on the non-blocking stream socket fd, all
// of which must have been peeked at.
func (c Calls) Take(fd uintptr, p []byte) syscall.Errno {
	for len(p) > 0 {
		n, errno := c.recv(fd, p, 0)
		switch {
		case errno != 0:
			return errno
		case n == 0:
			return unix.ECONNRESET
		}
		p = p[n:]
	}
	return 0
}

// Pass sends back what has arrived on the non-blocking stream socket fd, by way
// of p, and takes as much of it as was sent. EAGAIN: the peer has to read first.
func (c Calls) Pass(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	if n, errno = c.Peek(fd, p); errno != 0 {
		return 0, errno
	}
	if n, errno = c.send(fd, p[:n]); errno != 0 {
		return 0, errno
	}
	return n, c.Take(fd, p[:n])
}

func (c Calls) recv(fd uintptr, p []byte, flags int) (n int, errno syscall.Errno) {
	for {
		if n, errno = c.kernel().Recv(int(fd), p, flags); errno != unix.EINTR {
			return n, errno
		}
	}
}

func (c Calls) send(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		if n, errno = c.kernel().Send(int(fd), p, unix.MSG_NOSIGNAL); errno != unix.EINTR {
			return n, errno
		}
	}
}

// KeepUrgentInline sets SO_OOBINLINE. Accepted TCP sockets inherit it from
// their listener, unix sockets inherit nothing.
func (c Calls) KeepUrgentInline(raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		if errno := c.kernel().SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1); errno != 0 {
			failed = os.NewSyscallError("setsockopt SO_OOBINLINE", errno)
		}
	})
	if err != nil {
		return err
	}
	return failed
}
