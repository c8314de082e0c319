package gonet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// Network makes listening sockets. New uses package net, On any other network.
type Network interface {
	// Listen binds a stream listener: tcp, tls or unix. The Spec has the address that
	// was bound. The listener and its connections return the errors that those of
	// package net would return.
	Listen(sock.Spec, sock.Options) (StreamListener, sock.Spec, error)
	// ListenPacket does the same for udp.
	ListenPacket(sock.Spec, sock.Options) (PacketConn, sock.Spec, error)
	// Calls returns the system calls on these sockets for which net.Conn has no method.
	Calls() sock.Calls
}

// StreamListener is implemented by *net.TCPListener and *net.UnixListener. The
// connections that it accepts must have the methods of *net.TCPConn or *net.UnixConn
// that are used here: see tcpConn and socketConn.
type StreamListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// PacketConn has the methods of *net.UDPConn that are used here.
type PacketConn interface {
	syscall.Conn
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	SetDeadline(time.Time) error
	Close() error
}

// socketConn is a connection that is a socket: a unix socket, if it is not a tcpConn.
type socketConn interface {
	net.Conn
	syscall.Conn
}

// tcpConn is a TCP connection.
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
	ln, err := listenConfig(spec, options).Listen(context.Background(), spec.NetNetwork(), spec.Addr.String())
	if err != nil {
		return nil, spec, sock.NewListenError(spec, err)
	}
	bound := spec
	if bound.Addr, err = sock.BoundTo(ln.Addr()); err != nil {
		ln.Close()
		return nil, spec, sock.NewListenError(spec, err)
	}
	return ln.(*net.TCPListener), bound, nil
}

func (system) ListenPacket(spec sock.Spec, options sock.Options) (PacketConn, sock.Spec, error) {
	conn, err := listenConfig(spec, options).ListenPacket(context.Background(), spec.NetNetwork(), spec.Addr.String())
	if err != nil {
		return nil, spec, sock.NewListenError(spec, err)
	}
	bound := spec
	if bound.Addr, err = sock.BoundTo(conn.LocalAddr()); err != nil {
		conn.Close()
		return nil, spec, sock.NewListenError(spec, err)
	}
	return conn.(*net.UDPConn), bound, nil
}

// listenConfig returns a net.ListenConfig that sets the options before bind, so that
// accepted connections inherit them.
func listenConfig(spec sock.Spec, options sock.Options) *net.ListenConfig {
	lc := &net.ListenConfig{
		Control:   sock.Control(spec, options),
		KeepAlive: -1, // Control or prepare sets it
	}
	// Promise S2 needs resets, and those of MPTCP are different.
	lc.SetMultipathTCP(false)
	return lc
}

// listen binds one listener, or inherits one that is bound.
func (s *server) listen(network Network, l engine.Listener) error {
	options := s.cfg.SocketOptions()
	if l.File != nil {
		spec, err := sock.SpecOf(l.File)
		if err != nil {
			return err
		}
		if l.TLS != nil {
			spec.Network = "tls"
		}
		return s.inherit(l.File, spec, options, l.TLS)
	}
	if l.Spec.Network == "udp" {
		conn, spec, err := network.ListenPacket(l.Spec, options)
		if err != nil {
			return err
		}
		s.addPacket(conn, spec, false)
		return nil
	}
	ln, spec, err := network.Listen(l.Spec, options)
	if err != nil {
		return err
	}
	s.addStream(ln, spec, false, l.TLS)
	return nil
}

// inherit adds a listener that another process has bound. Package net duplicates the
// descriptor. The options are set now.
func (s *server) inherit(file *os.File, spec sock.Spec, options sock.Options, config *tls.Config) error {
	if spec.Network == "udp" {
		conn, err := net.FilePacketConn(file)
		if err != nil {
			return fmt.Errorf("inherit %s: %w", spec, err)
		}
		udp := conn.(*net.UDPConn)
		if err := setOptions(udp, spec, options); err != nil {
			udp.Close()
			return err
		}
		s.addPacket(udp, spec, true)
		return nil
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("inherit %s: %w", spec, err)
	}
	stream := ln.(StreamListener)
	if err := setOptions(stream, spec, options); err != nil {
		ln.Close()
		return err
	}
	s.addStream(stream, spec, true, config)
	return nil
}

func setOptions(c syscall.Conn, spec sock.Spec, options sock.Options) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("inherit %s: %w", spec, err)
	}
	return sock.Control(spec, options)("", "", raw)
}

func (s *server) addStream(ln StreamListener, spec sock.Spec, inherited bool, config *tls.Config) {
	s.specs = append(s.specs, spec)
	s.acceptors = append(s.acceptors, newAcceptor(s, ln, spec, inherited, config))
}

func (s *server) addPacket(conn PacketConn, spec sock.Spec, inherited bool) {
	s.specs = append(s.specs, spec)
	s.guard.Own(spec.Addr)
	s.packets = append(s.packets, newPacketEcho(s, conn, spec, inherited))
}
