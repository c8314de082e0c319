//go:build linux

package simulation

import (
	"io"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/engine/gonet"
	"echod/internal/sock"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// network is package net on a machine: it makes listeners and connections.
type network struct{ m *machine }

var _ gonet.Network = network{}

func (n network) Calls() sock.Calls { return sock.Calls{Kernel: n.m} }

func (n network) Listen(spec sock.Spec, options sock.Options) (gonet.StreamListener, sock.Spec, error) {
	fd, bound, err := sock.Listen(n.m, spec, options)
	if err != nil {
		return nil, spec, err
	}
	if spec.Network == "tls" {
		n.m.do(func(k *sim.Kernel) { k.NotEcho(fd) })
	}
	d, errno := newDescriptor(n.m, fd, bound.Transport(), addrOf(bound), nil)
	if errno != 0 {
		return nil, spec, errno
	}
	return &listener{descriptor: d}, bound, nil
}

func (n network) ListenPacket(spec sock.Spec, options sock.Options) (gonet.PacketConn, sock.Spec, error) {
	fd, bound, err := sock.Listen(n.m, spec, options)
	if err != nil {
		return nil, spec, err
	}
	d, errno := newDescriptor(n.m, fd, "udp", addrOf(bound), nil)
	if errno != 0 {
		return nil, spec, errno
	}
	return packetConn{d}, bound, nil
}

func addrOf(s sock.Spec) net.Addr {
	switch s.Transport() {
	case "unix":
		return &net.UnixAddr{Net: "unix", Name: s.Path}
	case "udp":
		return net.UDPAddrFromAddrPort(s.Addr)
	}
	return net.TCPAddrFromAddrPort(s.Addr)
}

// dial connects to a port of the machine.
func (n network) dial(port uint16) (net.Conn, error) {
	fd, errno := n.m.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return nil, failed("socket", errno)
	}
	far := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
	d, errno := newDescriptor(n.m, fd, "tcp", far, far)
	if errno != 0 {
		return nil, errno
	}
	err := d.await(unix.POLLOUT, &d.writeBy, func() bool {
		errno = n.m.Connect(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
		return errno != unix.EINPROGRESS && errno != unix.EALREADY
	})
	if errno != 0 && errno != unix.EISCONN {
		err = failed("connect", errno)
	}
	if err != nil {
		d.Close()
		return nil, d.wrap("dial", err)
	}
	return tcpConn{streamConn{d}}, nil
}

// listener is a *net.TCPListener or a *net.UnixListener.
type listener struct{ *descriptor }

// Accept repeats the call at once after ECONNABORTED, as package net does.
func (l *listener) Accept() (net.Conn, error) {
	var fd int
	var errno sys.Errno
	var peer unix.RawSockaddrAny
	err := l.await(unix.POLLIN, &l.readBy, func() bool {
		for {
			fd, errno = l.m.Accept4(l.fd, &peer, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if errno != unix.EINTR && errno != unix.ECONNABORTED {
				return errno != unix.EAGAIN
			}
		}
	})
	if err == nil {
		err = failed("accept4", errno)
	}
	if err != nil {
		return nil, l.wrap("accept", err)
	}
	d, errno := newDescriptor(l.m, fd, l.network, l.near, farOf(&peer))
	switch {
	case errno != 0:
		return nil, l.wrap("accept", errno)
	case l.network == "unix":
		return unixConn{streamConn{d}}, nil
	}
	conn := tcpConn{streamConn{d}}
	l.m.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // package net ignores its error
	return conn, nil
}

// farOf returns the address that accept4(2) has stored.
func farOf(peer *unix.RawSockaddrAny) net.Addr {
	if peer.Addr.Family != unix.AF_INET {
		return &net.UnixAddr{Net: "unix"}
	}
	in4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(peer))
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), in4.Port<<8|in4.Port>>8))
}

// streamConn is what *net.TCPConn and *net.UnixConn share.
type streamConn struct{ *descriptor }

func (c streamConn) Read(p []byte) (n int, err error) {
	var errno sys.Errno
	err = c.await(unix.POLLIN, &c.readBy, func() bool {
		var wait bool
		errno, wait = try(func() (errno sys.Errno) { n, errno = c.m.Recv(c.fd, p, 0); return errno })
		return !wait
	})
	if err == nil {
		err = failed("read", errno)
	}
	switch {
	case err != nil:
		return 0, c.wrap("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write returns when all of p is sent, or on an error.
func (c streamConn) Write(p []byte) (sent int, err error) {
	var errno sys.Errno
	err = c.await(unix.POLLOUT, &c.writeBy, func() bool {
		for {
			var n int
			var wait bool
			errno, wait = try(func() (errno sys.Errno) {
				n, errno = c.m.Send(c.fd, p[sent:], unix.MSG_NOSIGNAL)
				return errno
			})
			sent += n
			if wait || errno != 0 || sent == len(p) {
				return !wait
			}
		}
	})
	if err == nil {
		err = failed("write", errno)
	}
	return sent, c.wrap("write", err)
}

func (c streamConn) CloseWrite() error {
	if !c.enter() {
		return c.wrap("close", net.ErrClosed)
	}
	defer c.leave()
	return c.wrap("close", failed("shutdown", c.m.Shutdown(c.fd, unix.SHUT_WR)))
}

// unixConn is a *net.UnixConn.
type unixConn struct{ streamConn }

// tcpConn is a *net.TCPConn.
type tcpConn struct{ streamConn }

func (c tcpConn) SetLinger(seconds int) error {
	linger := unix.Linger{Onoff: 1, Linger: int32(seconds)}
	if seconds < 0 {
		linger = unix.Linger{}
	}
	return c.option(func() sys.Errno { return c.m.SetsockoptLinger(c.fd, &linger) })
}

func (c tcpConn) SetKeepAliveConfig(net.KeepAliveConfig) error {
	for _, opt := range [][2]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT}} {
		if err := c.option(func() sys.Errno { return c.m.SetsockoptInt(c.fd, opt[0], opt[1], 1) }); err != nil {
			return err
		}
	}
	return nil
}

// packetConn is a *net.UDPConn.
type packetConn struct{ *descriptor }

func (c packetConn) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	var name unix.RawSockaddrInet4
	var errno sys.Errno
	messages := c.message(b, oob, &name)
	err = c.await(unix.POLLIN, &c.readBy, func() bool {
		var wait bool
		errno, wait = try(func() (errno sys.Errno) { _, errno = c.m.Recvmmsg(c.fd, messages, 0); return errno })
		return !wait
	})
	if err == nil {
		err = failed("recvmsg", errno)
	}
	if err != nil {
		return -1, 0, 0, addr, c.wrap("read", err)
	}
	h := &messages[0].Hdr
	addr = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), name.Port<<8|name.Port>>8)
	return int(messages[0].Len), int(h.Controllen), int(h.Flags), addr, nil
}

func (c packetConn) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	var errno sys.Errno
	name := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Addr().As4(), Port: addr.Port()<<8 | addr.Port()>>8}
	messages := c.message(b, oob, &name)
	err = c.await(unix.POLLOUT, &c.writeBy, func() bool {
		var wait bool
		errno, wait = try(func() (errno sys.Errno) { _, errno = c.m.Sendmmsg(c.fd, messages, 0); return errno })
		return !wait
	})
	if err == nil {
		err = failed("sendmsg", errno)
	}
	if err != nil {
		return 0, 0, c.wrap("write", err)
	}
	return len(b), len(oob), nil
}

// message returns the header of one datagram for recvmmsg(2) and sendmmsg(2).
func (packetConn) message(b, oob []byte, name *unix.RawSockaddrInet4) []sys.Mmsghdr {
	messages := make([]sys.Mmsghdr, 1)
	h := &messages[0].Hdr
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(name)), unix.SizeofSockaddrInet4
	iov := unix.Iovec{Base: unsafe.SliceData(b)}
	iov.SetLen(len(b))
	h.Iov = &iov
	h.SetIovlen(1)
	h.Control = unsafe.SliceData(oob)
	h.SetControllen(len(oob))
	return messages
}
