//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Outq is what the peer has not taken. On a unix socket the kernel counts its
// memory and not the bytes (unix_outq_len in net/unix/af_unix.c); here the bytes
// stand for it.
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

// SocketError takes the pending error (sk_err).
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

// AcceptQueue is the length of the accept queue (tcp_get_info in
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
			f.settle()
		}
		return f.end.shutdown(how)
	case *socket:
		return f.shutdown(how)
	case *datagrams:
		return unix.ENOTCONN
	}
	return unix.ENOTSOCK
}
