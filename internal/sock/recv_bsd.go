//go:build unix && !linux

package sock

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Recv copies what has arrived on the non-blocking stream socket fd into p. n is
// 0 at the end of the stream, and beside an errno.
func (Calls) Recv(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return retry(func() (int, error) { return unix.Read(int(fd), p) })
}

// Peek is Recv, and leaves what it copies unread (MSG_PEEK of recv(2)).
func (Calls) Peek(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return retry(func() (int, error) {
		n, _, err := unix.Recvfrom(int(fd), p, unix.MSG_PEEK)
		return n, err
	})
}

func retry(call func() (int, error)) (int, syscall.Errno) {
	for {
		n, err := call()
		if err == nil {
			return n, 0
		}
		errno := syscall.EIO
		errors.As(err, &errno)
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
