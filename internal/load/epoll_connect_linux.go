package load

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sys"
)

// sockaddr is addr as the kernel has it.
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

// connect begins a connection for s.
func (d *epollDriver) connect(s *epollSlot) {
	if s.state == absent {
		s.state, s.begun, s.retryAt = connecting, d.now(), 0
		d.connecting++
	}
	fd, errno := d.socket(s)
	if errno == 0 {
		errno = d.k.Connect(fd, d.addr)
	}
	switch errno {
	case 0, unix.EINPROGRESS:
		s.fd = fd
		s.life++
		d.watch(unix.EPOLL_CTL_ADD, s, unix.EPOLLOUT)
		if errno == 0 {
			d.connected(s)
		}
	case unix.EAGAIN:
		// The queue of a unix socket is full: connect(2) says so instead of waiting.
		// The next sweep tries again.
		d.k.Close(fd)
	default:
		s.fd = fd
		d.refused(s, errno)
	}
}

// socket makes one that may be connected, bound to its source.
func (d *epollDriver) socket(s *epollSlot) (int, sys.Errno) {
	domain, typ := unix.AF_UNIX, unix.SOCK_STREAM
	switch d.addr.(type) {
	case *unix.SockaddrInet4:
		domain = unix.AF_INET
	case *unix.SockaddrInet6:
		domain = unix.AF_INET6
	}
	if d.Target.Network == "udp" {
		typ = unix.SOCK_DGRAM
	}
	fd, errno := d.k.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	if d.Target.Network == "tcp" {
		d.k.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if n := len(d.Sources); n > 0 {
		// The port is chosen at the connect: one port may then serve several peers.
		d.k.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		from, err := inet(netip.AddrPortFrom(d.Sources[s.id%n], 0))
		if err != nil {
			return fd, unix.EADDRNOTAVAIL
		}
		errno = d.k.Bind(fd, from)
	}
	return fd, errno
}

// settle finds out what became of a connect that has ended. A failure waits in
// the socket for the next call, whichever that is.
func (d *epollDriver) settle(s *epollSlot) {
	_, errno := d.k.Recv(s.fd, d.in[:1], unix.MSG_PEEK)
	switch {
	case errno == 0, errno == unix.EAGAIN, d.Target.Network == "udp":
		d.connected(s)
	default:
		d.refused(s, errno)
	}
}

// connected is a connection that has been made.
func (d *epollDriver) connected(s *epollSlot) {
	d.connecting--
	s.state, s.patience = up, backoff{}
	d.tally.connected(time.Duration(d.now() - s.begun))
	s.flow = flow{content: d.content, verify: d.Verify, conn: s.id, start: beginning(d.Seed, s.id, s.life), pending: s.flow.pending}
	if s.packets.content == nil {
		s.packets = datagramFlow{content: d.content, verify: d.Verify, run: d.run, conn: s.id}
	}
	d.watch(unix.EPOLL_CTL_MOD, s, unix.EPOLLIN)
	if !d.opening {
		d.begin(s)
	}
}

// refused is a connect that came to nothing.
func (d *epollDriver) refused(s *epollSlot, why sys.Errno) {
	d.connecting--
	if s.fd >= 0 {
		d.k.Close(s.fd)
	}
	s.fd = -1
	d.failed(s, dial.Classify(why))
}

// failed counts a connection that was not made, with the message of churn that
// it was made for, and tries again later.
func (d *epollDriver) failed(s *epollSlot, class dial.Class) {
	now := d.now()
	if m, ok := s.waiting.take(); ok {
		d.tally.missed(m.due, now, class)
	} else {
		d.tally.broke(now, class)
	}
	s.state, s.class = absent, class
	s.retryAt = now + int64(s.patience.next())
}
