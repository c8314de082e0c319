//go:build linux

package sim

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// socket is a stream socket that is not connected: fresh, bound or listening.
type socket struct {
	k         *Kernel
	domain    int
	port      uint16
	path      string
	linger    unix.Linger
	listening bool
	backlog   int
	queue     []*stream
}

func (k *Kernel) Socket(domain, typ, proto int) (int, sys.Errno) {
	if d := k.decide(Socket); d.errno != 0 {
		return -1, d.errno
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

func (k *Kernel) SetsockoptInt(fd, level, opt, value int) sys.Errno {
	if k.lookup(Setsockopt, fd) == nil {
		return unix.EBADF
	}
	return k.decide(Setsockopt).errno
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
		f.port = k.bind(f, addr)
	case *datagrams:
		f.port = k.bind(f, addr)
	}
	return 0
}

// bind gives f the port that addr names, or the next free one for port 0. Ports
// of streams and datagrams are one space here, and addresses are not told apart.
func (k *Kernel) bind(f file, addr unix.Sockaddr) uint16 {
	var port uint16
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		port = uint16(a.Port)
	case *unix.SockaddrInet6:
		port = uint16(a.Port)
	}
	if port == 0 {
		port = k.nextPort
		k.nextPort++
	}
	k.ports[port] = f
	return port
}

// bindUnix makes the file that bind(2) makes, because the server's own look at
// it does not go through the kernel seam.
func (k *Kernel) bindUnix(s *socket, path string) sys.Errno {
	if err := unix.Mknod(path, unix.S_IFSOCK|0o666, 0); err != nil {
		return err.(sys.Errno)
	}
	s.path = path
	k.paths[path] = s
	return 0
}

func (k *Kernel) Listen(fd, backlog int) sys.Errno {
	d, s := find[*socket](k, Listen, fd)
	if d == nil {
		return unix.EBADF
	}
	if d := k.decide(Listen); d.errno != 0 {
		return d.errno
	}
	s.listening, s.backlog = true, backlog
	return 0
}

// Connect finds nobody: no peer listens.
func (k *Kernel) Connect(fd int, addr unix.Sockaddr) sys.Errno {
	if k.lookup(Connect, fd) == nil {
		return unix.EBADF
	}
	if d := k.decide(Connect); d.errno != 0 {
		return d.errno
	}
	return unix.ECONNREFUSED
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

// Accept4 reserves a descriptor before it looks at the queue, as do_accept in
// net/socket.c does: without one it fails with EMFILE even when nobody waits.
func (k *Kernel) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, sys.Errno) {
	d, s := find[*socket](k, Accept4, fd)
	if d == nil {
		return -1, unix.EBADF
	}
	k.mustNotBlock(Accept4, d, 0)
	if flags&unix.SOCK_NONBLOCK == 0 || flags&unix.SOCK_CLOEXEC == 0 {
		k.violate("accept4 without SOCK_NONBLOCK|SOCK_CLOEXEC")
	}
	if errno := k.decide(Accept4).errno; errno != 0 {
		if spendsConnection(errno) && len(s.queue) > 0 {
			s.dequeue().reset()
		}
		d.excuse(errno)
		return -1, errno
	}
	if k.free() >= k.NoFile {
		return -1, unix.EMFILE
	}
	if len(s.queue) == 0 {
		return -1, unix.EAGAIN
	}
	d.streak = 0
	st := s.dequeue()
	if peer != nil {
		writeName(unsafe.Pointer(peer), st.domain, st.peer.addr)
	}
	return k.open(st, true)
}

func (s *socket) dequeue() *stream {
	st := s.queue[0]
	s.queue = s.queue[1:]
	return st
}

func (s *socket) ready() int16 {
	if len(s.queue) > 0 {
		return unix.POLLIN
	}
	return 0
}

// close of a listener resets whoever is still queued.
func (s *socket) close() {
	if s.k.ports[s.port] == file(s) {
		delete(s.k.ports, s.port)
	}
	delete(s.k.paths, s.path)
	for _, st := range s.queue {
		st.reset()
	}
	s.queue, s.listening = nil, false
}
