package sock

import (
	"cmp"
	"encoding/binary"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Calls makes the system calls on sockets of package net for which that package has no
// method. The zero value makes them on the real kernel.
type Calls struct {
	Kernel sys.Kernel // nil means the real one
}

// What Calls can do on this system.
const (
	// CanRecv reports whether Recv, Peek and Send are available.
	CanRecv = true
	// AcceptInherits reports whether an accepted TCP connection has all options of its
	// listening socket.
	AcceptInherits = true
	// CanLeaveUnread reports whether Consume and EchoUnread are available, and whether
	// the kernel resets the peer of a unix socket that is closed with unread bytes.
	CanLeaveUnread = true
)

func (c Calls) kernel() sys.Kernel {
	if c.Kernel == nil {
		return (*sys.Linux)(nil) // it has no state
	}
	return c.Kernel
}

// Recv copies what has arrived on the non-blocking stream socket fd into p. It returns
// 0 bytes at the end of the stream and with every errno. If a signal interrupts it
// maxInterrupts times in a row, it returns EINTR, and the caller may call it again. It
// does not return EAGAIN then: after EAGAIN the caller waits for the runtime's poller,
// which is edge-triggered and does not report again what has arrived already.
func (c Calls) Recv(fd uintptr, p []byte) (n int, errno syscall.Errno) { return c.recv(fd, p, 0) }

// Peek is Recv with MSG_PEEK (recv(2)): the bytes stay unread.
func (c Calls) Peek(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return c.recv(fd, p, unix.MSG_PEEK)
}

// Send copies as much of p as there is room for to the non-blocking stream socket fd. It
// returns 0 bytes with every errno, and EINTR as Recv does.
func (c Calls) Send(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for range maxInterrupts {
		if n, errno = c.kernel().Send(int(fd), p, unix.MSG_NOSIGNAL); errno != unix.EINTR {
			break
		}
	}
	return n, errno
}

// Consume fills p with what has arrived on the non-blocking stream socket fd. There
// must be at least as many bytes: those that were peeked at.
func (c Calls) Consume(fd uintptr, p []byte) syscall.Errno {
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

// EchoUnread sends back what has arrived on the non-blocking stream socket fd, at most
// as much as fits into p, and then consumes as much as was sent. It returns EAGAIN if
// nothing can be sent until the peer reads, and EINTR as Recv does.
func (c Calls) EchoUnread(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	if n, errno = c.Peek(fd, p); errno != 0 {
		return 0, errno
	}
	if n, errno = c.Send(fd, p[:n]); errno != 0 {
		return 0, errno
	}
	return n, c.Consume(fd, p[:n])
}

// maxInterrupts is how many consecutive times an interrupted call is made.
const maxInterrupts = 16

func (c Calls) recv(fd uintptr, p []byte, flags int) (n int, errno syscall.Errno) {
	for range maxInterrupts {
		if n, errno = c.kernel().Recv(int(fd), p, flags); errno != unix.EINTR {
			break
		}
	}
	return n, errno
}

// Eventfd wraps eventfd(2). The runtime's poller watches the file, and Signal makes it readable.
// On a kernel that is not real, which that poller does not know, the error is
// errors.ErrUnsupported.
func (c Calls) Eventfd() (*os.File, error) {
	if !sys.IsReal(c.kernel()) {
		return nil, errors.ErrUnsupported
	}
	fd, errno := c.kernel().Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if errno != 0 {
		return nil, os.NewSyscallError("eventfd", errno)
	}
	return os.NewFile(uintptr(fd), "eventfd"), nil
}

// increment is 1, as eventfd(2) reads it.
var increment = binary.NativeEndian.AppendUint64(nil, 1)

// Signal adds 1 to the counter of the eventfd, which overflows only after 2⁶⁴−2 calls.
func (c Calls) Signal(eventfd uintptr) syscall.Errno {
	_, errno := c.kernel().Write(int(eventfd), increment)
	return errno
}

// SetOOBInline sets SO_OOBINLINE. Accepted TCP sockets inherit it from their listener,
// unix sockets do not.
func (c Calls) SetOOBInline(raw syscall.RawConn) error {
	return withFD(raw, func(fd int) error {
		if errno := c.kernel().SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1); errno != 0 {
			return os.NewSyscallError("setsockopt SO_OOBINLINE", errno)
		}
		return nil
	})
}

// QueueLength returns how many connections are in the accept queue of the listening
// socket fd. It is negative if this is unknown: for a unix socket the kernel
// only reports whether the queue is empty.
func QueueLength(k sys.Kernel, fd int) int {
	if n, errno := k.AcceptQueue(fd); errno == 0 {
		return n
	}
	one := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for range 3 { // a signal may interrupt poll(2) even with a timeout of 0
		if n, errno := k.Poll(one, 0); errno == 0 && n == 0 {
			return 0
		} else if errno != unix.EINTR {
			return -1
		}
	}
	return -1
}

// AcceptQueue is QueueLength for a socket of package net.
func (c Calls) AcceptQueue(listener syscall.Conn) int {
	raw, err := listener.SyscallConn()
	if err != nil {
		return -1
	}
	queued := -1
	raw.Control(func(fd uintptr) { queued = QueueLength(c.kernel(), int(fd)) })
	return queued
}

// Waiting returns a function that reports, without waiting, whether the accept queue of
// a listening socket has connections.
func (c Calls) Waiting(listener syscall.Conn) func() bool {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil
	}
	return func() (waiting bool) {
		raw.Control(func(fd uintptr) {
			n, _ := c.kernel().Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			waiting = n > 0
		})
		return waiting
	}
}

// Undelivered returns how many bytes the peer of a TCP connection has not acknowledged.
// A FIN counts as one. The error is the pending error of the connection.
func (c Calls) Undelivered(conn syscall.Conn) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = withFD(raw, func(fd int) error {
		pending, errno := c.kernel().SocketError(fd)
		if errno = cmp.Or(errno, pending); errno != 0 {
			return os.NewSyscallError("getsockopt SO_ERROR", errno)
		}
		if n, errno = c.kernel().Outq(fd); errno != 0 {
			return os.NewSyscallError("ioctl SIOCOUTQ", errno)
		}
		return nil
	})
	return n, err
}

// SendQueue returns how many bytes are in the send queue of a connection: those that the
// peer has not acknowledged. It does not report the pending error of the connection, which
// a read then still gets. It returns false if the number is unknown.
func (c Calls) SendQueue(conn syscall.Conn) (n int, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = withFD(raw, func(fd int) error {
		var errno syscall.Errno
		if n, errno = c.kernel().Outq(fd); errno != 0 {
			return os.NewSyscallError("ioctl SIOCOUTQ", errno)
		}
		return nil
	})
	return n, err == nil
}

// RebindConn is Rebind for a socket of package net.
func (c Calls) RebindConn(conn syscall.Conn, s Spec) (rebound bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	err = withFD(raw, func(fd int) (err error) {
		rebound, err = Rebind(c.kernel(), fd, s)
		return err
	})
	return rebound, err
}
