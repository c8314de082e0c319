package sock

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// AcceptQueue returns how many callers wait in the queue of a listening TCP socket, or
// a negative number if the kernel does not say.
func AcceptQueue(c syscall.Conn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1
	}
	queued := -1
	raw.Control(func(fd uintptr) {
		if n, errno := (&sys.Linux{}).AcceptQueue(int(fd)); errno == 0 {
			queued = n
		}
	})
	return queued
}

// Waiting returns a function that reports whether callers wait in the queue of a listening
// socket. It does not wait itself.
func Waiting(c syscall.Conn) func() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return func() (waiting bool) {
		raw.Control(func(fd uintptr) {
			n, _ := (&sys.Linux{}).Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			waiting = n > 0
		})
		return waiting
	}
}

// Undelivered returns how many bytes the peer of a TCP connection has not acknowledged,
// a FIN included. The error is what ended the connection meanwhile.
func Undelivered(c syscall.Conn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	gone := raw.Control(func(fd uintptr) {
		number, failed := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if failed == nil && number != 0 {
			failed = syscall.Errno(number)
		}
		if failed != nil {
			err = os.NewSyscallError("getsockopt SO_ERROR", failed)
			return
		}
		left, errno := (&sys.Linux{}).Outq(int(fd))
		if n = left; errno != 0 {
			err = os.NewSyscallError("ioctl SIOCOUTQ", errno)
		}
	})
	if gone != nil {
		return 0, gone
	}
	return n, err
}
