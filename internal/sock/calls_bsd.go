//go:build unix && !linux

package sock

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

const soOOBInline = syscall.SO_OOBINLINE

// handle is a descriptor as package syscall wants it.
func handle(fd uintptr) int { return int(fd) }

// CanRecv reports whether Recv, Peek and Send are available.
const CanRecv = true

// Recv copies what has arrived on the non-blocking stream socket fd into p. It returns
// 0 bytes at the end of the stream and with every errno. If a signal interrupts it
// maxInterrupts times in a row, it returns EINTR, and the caller may call it again.
func (Calls) Recv(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return retry(func() (int, error) { return unix.Read(int(fd), p) })
}

// Peek is Recv with MSG_PEEK (recv(2)): the bytes stay unread.
func (Calls) Peek(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return retry(func() (int, error) {
		n, _, err := unix.Recvfrom(int(fd), p, unix.MSG_PEEK)
		return n, err
	})
}

// Send copies as much of p as there is room for to the non-blocking stream socket fd. It
// returns 0 bytes with every errno, and EINTR as Recv does. The Go runtime ignores SIGPIPE.
func (Calls) Send(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	return retry(func() (int, error) { return unix.Write(int(fd), p) })
}

// maxInterrupts is how many consecutive times an interrupted call is made.
const maxInterrupts = 16

func retry(call func() (int, error)) (int, syscall.Errno) {
	var errno syscall.Errno
	for range maxInterrupts {
		n, err := call()
		if err == nil {
			return n, 0
		}
		errno = syscall.EIO
		if errors.As(err, &errno); errno != syscall.EINTR {
			break
		}
	}
	return 0, errno
}
