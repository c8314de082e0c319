package load

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sys"
)

// connect makes a socket and starts to connect it.
func (l *loop) connect(s *loopSlot) {
	fd, errno := l.socket(s)
	if s.fd = fd; errno == 0 {
		errno = l.k.Connect(fd, l.addrOf(s))
	}
	switch errno {
	case 0:
		l.endConnect(s, 0)
	case unix.EINPROGRESS:
	case unix.EAGAIN:
		if l.udp() { // there is no free port (udp_lib_get_port in net/ipv4/udp.c)
			l.endConnect(s, unix.EADDRNOTAVAIL)
			return
		}
		// The backlog of the unix socket is full: then connect(2) does not wait. The next
		// sweep tries again.
		l.closeSocket(s)
	default:
		l.endConnect(s, errno)
	}
}

// addrOf returns the peer of a slot.
func (l *loop) addrOf(s *loopSlot) unix.Sockaddr { return l.addrs[s.id%len(l.addrs)] }

// socket makes a socket, and binds it to its source address. If an option or bind(2) fails, it
// returns the socket and the error.
func (l *loop) socket(s *loopSlot) (int, sys.Errno) {
	domain, typ := unix.AF_UNIX, unix.SOCK_STREAM
	switch l.addrOf(s).(type) {
	case *unix.SockaddrInet4:
		domain = unix.AF_INET
	case *unix.SockaddrInet6:
		domain = unix.AF_INET6
	}
	if l.udp() {
		typ = unix.SOCK_DGRAM
	}
	fd, errno := l.k.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	if l.Target.Network == "tcp" {
		l.k.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if l.GSO {
		if errno = l.enableTrains(fd); errno != 0 {
			return fd, errno
		}
	}
	if n := len(l.Sources); n > 0 {
		// connect(2) chooses the port, not bind(2): so connections to several peers can use
		// the same port.
		l.k.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		from, err := inet(netip.AddrPortFrom(l.Sources[s.id%n], 0))
		if err != nil {
			return fd, unix.EADDRNOTAVAIL
		}
		errno = l.k.Bind(fd, from)
	}
	return fd, errno
}

// finishConnect gets the result of a connect.
func (l *loop) finishConnect(s *loopSlot) {
	pending, errno := l.k.SocketError(s.fd)
	if errno == 0 {
		errno = pending
	}
	l.endConnect(s, errno)
}

func (l *loop) endConnect(s *loopSlot, errno sys.Errno) {
	l.connecting--
	if errno == 0 {
		s.connected(l.now())
	} else {
		s.connectFailed(l.now(), dial.Classify(errno))
	}
}

func (l *loop) closeSocket(s *loopSlot) {
	if s.fd >= 0 {
		l.poller.CloseFD(s.fd)
	}
	s.fd, s.interest = -1, 0
}

// sockaddr returns addr in the form that connect(2) takes.
func sockaddr(addr net.Addr) (unix.Sockaddr, error) {
	switch a := addr.(type) {
	case *net.UnixAddr:
		return &unix.SockaddrUnix{Name: a.Name}, nil
	case *net.TCPAddr:
		return inet(a.AddrPort())
	case *net.UDPAddr:
		return inet(a.AddrPort())
	}
	return nil, fmt.Errorf("no socket reaches %s %s", addr.Network(), addr)
}

func inet(a netip.AddrPort) (unix.Sockaddr, error) {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	}
	to := &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		to.ZoneId = uint32(link.Index)
	}
	return to, nil
}
