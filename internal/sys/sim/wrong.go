//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// wrongFile is what call answers on a descriptor for which it is not meant: one
// that is closed, no socket, or in a state in which the call makes no sense.
func (k *Kernel) wrongFile(call Call, fd int) sys.Errno {
	if k.fileAt(fd) == nil {
		return unix.EBADF
	}
	k.decide(call)
	switch k.fileAt(fd).(type) {
	case *socket:
		if call == Getpeername {
			return unix.ENOTCONN
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

// fileAt is what fd refers to, nil if it is closed.
func (k *Kernel) fileAt(fd int) file {
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		return nil
	}
	return k.files[fd].file
}

// recvUnconnected is recv(2) on a stream socket without a connection
// (tcp_recvmsg_locked, tcp_recv_urg, unix_stream_read_generic). 0 is an end of
// file.
func (s *socket) recvUnconnected(flags int) sys.Errno {
	switch {
	case s.domain == unix.AF_UNIX:
		return unix.EINVAL
	case s.listening:
		return unix.ENOTCONN
	case flags&unix.MSG_OOB != 0:
		return unix.EINVAL
	case s.shut&rcvShutdown != 0:
		return 0
	}
	return unix.ENOTCONN
}

// sendUnconnected is send(2) of n bytes on one (tcp_sendmsg_locked,
// unix_stream_sendmsg).
func (s *socket) sendUnconnected(n, flags int) sys.Errno {
	switch {
	case s.domain != unix.AF_UNIX:
		return unix.EPIPE
	case flags&unix.MSG_OOB != 0 && n == 0:
		return unix.EOPNOTSUPP
	}
	return unix.ENOTCONN
}
