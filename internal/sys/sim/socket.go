//go:build linux

package sim

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// socket is a stream socket that is not connected: new, bound or listening.
type socket struct {
	k         *Kernel
	domain    int
	port      uint16
	fixed     bool // the program chose the port, so it is never released
	path      string
	linger    unix.Linger
	inline    bool // SO_OOBINLINE
	shut      int  // sk_shutdown
	listening bool
	backlog   int
	queue     []*stream
	spurious

	notEcho bool // see NotEcho
}

func (k *Kernel) Socket(domain, typ, proto int) (int, sys.Errno) {
	if d := k.decide(Socket); d.errno != 0 {
		return -1, d.errno
	}
	if errno := k.checkSockets(domain); errno != 0 {
		return -1, errno
	}
	nonblock := typ&unix.SOCK_NONBLOCK != 0
	if typ&unix.SOCK_CLOEXEC == 0 {
		k.violate("socket without SOCK_CLOEXEC")
	}
	if typ&0xf == unix.SOCK_DGRAM {
		return k.open(&datagrams{k: k, domain: domain}, nonblock)
	}
	return k.open(&socket{k: k, domain: domain}, nonblock)
}

// SetsockoptInt knows SO_OOBINLINE and UDP_GRO. Other options have no effect.
func (k *Kernel) SetsockoptInt(fd, level, opt, value int) sys.Errno {
	d := k.lookup(Setsockopt, fd)
	if d == nil {
		return unix.EBADF
	}
	if errno := k.decide(Setsockopt).errno; errno != 0 {
		return errno
	}
	if f, ok := d.file.(*datagrams); ok && level == unix.IPPROTO_UDP && opt == unix.UDP_GRO {
		if k.NoTrains {
			return unix.ENOPROTOOPT
		}
		f.gro = value != 0
	}
	if level == unix.SOL_SOCKET && opt == unix.SO_OOBINLINE {
		switch f := d.file.(type) {
		case *socket:
			f.inline = value != 0
		case *stream:
			f.end.setInline(value != 0)
		}
	}
	return 0
}

func (k *Kernel) SetsockoptLinger(fd int, linger *unix.Linger) sys.Errno {
	d := k.lookup(Setsockopt, fd)
	if d == nil {
		return unix.EBADF
	}
	if d := k.decide(Setsockopt); d.errno != 0 {
		return d.errno
	}
	switch f := d.file.(type) {
	case *socket:
		f.linger = *linger
	case *stream:
		f.linger = *linger
	}
	return 0
}

func (k *Kernel) Bind(fd int, addr unix.Sockaddr) sys.Errno {
	d := k.lookup(Bind, fd)
	if d == nil {
		return unix.EBADF
	}
	if d := k.decide(Bind); d.errno != 0 {
		return d.errno
	}
	switch f := d.file.(type) {
	case *socket:
		if path, ok := addr.(*unix.SockaddrUnix); ok {
			return k.bindUnix(f, path.Name)
		}
		f.port, f.fixed = k.bind(f, addr)
	case *datagrams:
		f.port, _ = k.bind(f, addr)
	}
	return 0
}

// bind binds f to the port in addr, or to the next free one for port 0. Streams and
// datagrams share their ports here, and addresses are ignored.
func (k *Kernel) bind(f file, addr unix.Sockaddr) (port uint16, fixed bool) {
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		port = uint16(a.Port)
	case *unix.SockaddrInet6:
		port = uint16(a.Port)
	}
	fixed = port != 0
	if !fixed {
		port = k.nextPort
		k.nextPort++
	}
	k.ports[port] = f
	return port, fixed
}

// bindUnix creates the file as bind(2) does, because the program does not use the Kernel to
// look at it.
func (k *Kernel) bindUnix(s *socket, path string) sys.Errno {
	if err := unix.Mknod(path, unix.S_IFSOCK|0o666, 0); err != nil {
		return err.(sys.Errno)
	}
	s.path = path
	k.paths[path] = s
	return 0
}

func (k *Kernel) Getsockname(fd int) (unix.Sockaddr, sys.Errno) {
	d := k.lookup(Getsockname, fd)
	if d == nil {
		return nil, unix.EBADF
	}
	if d := k.decide(Getsockname); d.errno != 0 {
		return nil, d.errno
	}
	switch f := d.file.(type) {
	case *socket:
		return f.name(), 0
	case *datagrams:
		return sockaddr(f.domain, f.port), 0
	case *stream:
		return sockaddr(f.domain, f.port), 0
	}
	return nil, unix.EINVAL
}

func (s *socket) name() unix.Sockaddr {
	if s.domain == unix.AF_UNIX {
		return &unix.SockaddrUnix{Name: s.path}
	}
	return sockaddr(s.domain, s.port)
}

func sockaddr(domain int, port uint16) unix.Sockaddr {
	if domain == unix.AF_INET6 {
		return &unix.SockaddrInet6{Port: int(port), Addr: netip.IPv6Loopback().As16()}
	}
	return &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}}
}

// ready is tcp_poll and unix_poll for a socket without a connection: a new one reports
// POLLHUP and POLLOUT, a listener never POLLOUT.
func (s *socket) ready() int16 {
	var events int16
	if len(s.queue) > 0 {
		events |= unix.POLLIN
	}
	if s.listening && s.domain != unix.AF_UNIX {
		return events // whatever was shut down before (inet_csk_listen_poll)
	}
	if s.shut&rcvShutdown != 0 {
		events |= unix.POLLIN | unix.POLLRDHUP
	}
	if s.shut == allShutdown {
		events |= unix.POLLHUP
	}
	if !s.listening {
		events |= unix.POLLHUP | unix.POLLOUT
	}
	return events
}

// close resets the connections in the queue of a listener.
func (s *socket) close() {
	s.releasePort()
	if s.k.paths[s.path] == s {
		delete(s.k.paths, s.path)
	}
	s.stopListening()
}

func (s *socket) releasePort() {
	if s.k.ports[s.port] == file(s) {
		delete(s.k.ports, s.port)
	}
}

// wrongFile returns the error of a call on a descriptor that it does not work on: one that
// is closed, not a socket, or in a state that does not allow the call.
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

// fileAt returns what fd refers to; nil if it is closed.
func (k *Kernel) fileAt(fd int) file {
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		return nil
	}
	return k.files[fd].file
}

// recvUnconnected is recv(2) on a stream socket without a connection
// (tcp_recvmsg_locked, tcp_recv_urg, unix_stream_read_generic). 0 means end of
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

// sendUnconnected is send(2) of n bytes on such a socket (tcp_sendmsg_locked,
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
