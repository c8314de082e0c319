//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// wrongFile is what call answers on a descriptor for which it is not meant: one
// that is closed, no socket, or in a state in which the call makes no sense.
func (k *Kernel) wrongFile(call Call, fd int) sys.Errno {
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		return unix.EBADF
	}
	k.decide(call)
	switch f := k.files[fd].file.(type) {
	case *socket:
		return f.unconnected(call)
	case *stream:
		if call == Accept4 || call == Listen {
			return unix.EINVAL
		}
	case *datagrams:
		switch call {
		case Accept4, Listen:
			return unix.EOPNOTSUPP
		case Send:
			return unix.EDESTADDRREQ
		}
		return unix.ENOTCONN
	case *epoll, *eventfd:
		switch call {
		case Read, Write, EpollWait, EpollAdd, EpollMod, EpollDel:
			return unix.EINVAL
		}
		return unix.ENOTSOCK
	}
	return unix.EINVAL
}

// unconnected is what a call for connections answers on a socket without one
// (tcp_recvmsg_locked, tcp_sendmsg_locked, unix_stream_read_generic,
// unix_stream_sendmsg).
func (s *socket) unconnected(call Call) sys.Errno {
	switch {
	case call == Recv && s.domain == unix.AF_UNIX:
		return unix.EINVAL
	case call == Recv:
		return unix.ENOTCONN
	case call == Send && s.domain == unix.AF_UNIX && s.shut&sndShutdown == 0:
		return unix.ENOTCONN
	case call == Send:
		return unix.EPIPE
	case call == Getpeername:
		return unix.ENOTCONN
	}
	return unix.EINVAL
}
