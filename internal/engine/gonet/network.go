package gonet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"echod/internal/sock"
)

// Network is where an engine gets its listening sockets from. New takes them from
// package net, On from any other one.
type Network interface {
	// Listen binds a stream listener: tcp, tls or unix. The Spec has the address that
	// was really bound. The errors of the listener and of its connections are those
	// that package net would return.
	Listen(sock.Spec, sock.Options) (StreamListener, sock.Spec, error)
	// ListenPacket does the same for udp.
	ListenPacket(sock.Spec, sock.Options) (PacketConn, sock.Spec, error)
	// Calls makes the system calls on these sockets for which net.Conn has no method.
	Calls() sock.Calls
}

// StreamListener is what *net.TCPListener and *net.UnixListener have in common. What it
// accepts has the methods of *net.TCPConn or *net.UnixConn that are used here: see
// tcpConn and socketConn.
type StreamListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// PacketConn is what is used of *net.UDPConn.
type PacketConn interface {
	syscall.Conn
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	SetDeadline(time.Time) error
	Close() error
}

// socketConn is a connection that is a socket of the system. It is a unix socket if it
// is no tcpConn.
type socketConn interface {
	net.Conn
	syscall.Conn
}

// tcpConn is what only a TCP connection can do.
type tcpConn interface {
	socketConn
	CloseWrite() error
	SetLinger(seconds int) error
	SetKeepAliveConfig(net.KeepAliveConfig) error
}

// system is the Network of package net.
type system struct{}

func (system) Calls() sock.Calls { return sock.Calls{} }

func (system) Listen(spec sock.Spec, options sock.Options) (StreamListener, sock.Spec, error) {
	if spec.Network == "unix" {
		ln, bound, err := sock.ListenUnix(spec, options)
		if err != nil {
			return nil, spec, err
		}
		return ln, bound, nil
	}
	ln, err := listenConfig(spec, options).Listen(context.Background(), networkOf(spec), spec.Addr.String())
	if err != nil {
		return nil, spec, listenError(spec, err)
	}
	bound := spec
	if bound.Addr, err = sock.BoundTo(ln.Addr()); err != nil {
		ln.Close()
		return nil, spec, listenError(spec, err)
	}
	return ln.(*net.TCPListener), bound, nil
}

func (system) ListenPacket(spec sock.Spec, options sock.Options) (PacketConn, sock.Spec, error) {
	conn, err := listenConfig(spec, options).ListenPacket(context.Background(), networkOf(spec), spec.Addr.String())
	if err != nil {
		return nil, spec, listenError(spec, err)
	}
	bound := spec
	if bound.Addr, err = sock.BoundTo(conn.LocalAddr()); err != nil {
		conn.Close()
		return nil, spec, listenError(spec, err)
	}
	return conn.(*net.UDPConn), bound, nil
}

// listenConfig sets the options before bind, so that the kernel hands them on
// to accepted connections.
func listenConfig(spec sock.Spec, options sock.Options) *net.ListenConfig {
	lc := &net.ListenConfig{
		Control:   sock.Control(spec, options),
		KeepAlive: -1, // prepare sets it
	}
	// A reset is a promise here, and MPTCP has another idea of resets.
	lc.SetMultipathTCP(false)
	return lc
}

// networkOf is what net calls spec's network: "tcp" is both families at once,
// "tcp4" and "tcp6" are one.
func networkOf(spec sock.Spec) string {
	switch {
	case spec.Addr.Addr().Is4():
		return spec.Transport() + "4"
	case spec.Host != "":
		return spec.Transport() + "6"
	default:
		return spec.Transport()
	}
}

// listenError says it as every engine does: which listener, which call, why.
func listenError(spec sock.Spec, err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call
	}
	return &sock.ListenError{Spec: spec, Err: err}
}
