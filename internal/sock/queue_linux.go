package sock

import (
	"cmp"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// QueueLength returns how many callers wait in the queue of the listening socket fd,
// or a negative number if the kernel does not say: of a unix socket it says only
// whether the queue is empty.
func QueueLength(k sys.Kernel, fd int) int {
	if n, errno := k.AcceptQueue(fd); errno == 0 {
		return n
	}
	one := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for range 3 { // a signal may interrupt even a wait that does not sleep
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

// Waiting returns a function that reports whether callers wait in the queue of a
// listening socket. It does not wait itself.
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

// Undelivered returns how many bytes the peer of a TCP connection has not acknowledged,
// a FIN included. The error is what ended the connection meanwhile.
func (c Calls) Undelivered(conn syscall.Conn) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	gone := raw.Control(func(fd uintptr) {
		pending, errno := c.kernel().SocketError(int(fd))
		if errno = cmp.Or(errno, pending); errno != 0 {
			err = os.NewSyscallError("getsockopt SO_ERROR", errno)
			return
		}
		left, errno := c.kernel().Outq(int(fd))
		if n = left; errno != 0 {
			err = os.NewSyscallError("ioctl SIOCOUTQ", errno)
		}
	})
	if gone != nil {
		return 0, gone
	}
	return n, err
}
