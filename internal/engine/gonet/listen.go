package gonet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
)

// open binds one listener, or takes over one that is bound.
func (s *server) open(l engine.Listener) error {
	options := s.cfg.SocketOptions()
	if l.File != nil {
		spec, err := sock.SpecOf(l.File)
		if err != nil {
			return err
		}
		if l.TLS != nil {
			spec.Network = "tls"
		}
		return s.adopt(l.File, spec, options, l.TLS)
	}
	switch l.Spec.Network {
	case "udp":
		return s.openPacket(l.Spec, options)
	case "unix":
		return s.openUnix(l.Spec, options)
	default:
		return s.openTCP(l.Spec, options, l.TLS)
	}
}

func (s *server) openTCP(spec sock.Spec, options sock.Options, config *tls.Config) error {
	unbound := spec
	ln, err := listenConfig(spec, options).Listen(context.Background(), network(spec), spec.Addr.String())
	if err != nil {
		return listenError(spec, err)
	}
	if spec.Addr, err = sock.BoundTo(ln.Addr()); err != nil {
		ln.Close()
		return listenError(unbound, err)
	}
	s.addStream(ln, spec, false, config)
	return nil
}

func (s *server) openUnix(spec sock.Spec, options sock.Options) error {
	ln, bound, err := sock.ListenUnix(spec, options)
	if err != nil {
		return err
	}
	s.addStream(ln, bound, false, nil)
	return nil
}

func (s *server) openPacket(spec sock.Spec, options sock.Options) error {
	unbound := spec
	conn, err := listenConfig(spec, options).ListenPacket(context.Background(), network(spec), spec.Addr.String())
	if err != nil {
		return listenError(spec, err)
	}
	if spec.Addr, err = sock.BoundTo(conn.LocalAddr()); err != nil {
		conn.Close()
		return listenError(unbound, err)
	}
	s.addPacket(conn.(*net.UDPConn), spec)
	return nil
}

// adopt serves a socket that somebody else has bound. Go duplicates the
// descriptor; the options that Listen would have set are set now.
func (s *server) adopt(file *os.File, spec sock.Spec, options sock.Options, config *tls.Config) error {
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
		s.addPacket(udp, spec)
		return nil
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("inherit %s: %w", spec, err)
	}
	if err := setOptions(ln.(streamListener), spec, options); err != nil {
		ln.Close()
		return err
	}
	s.addStream(ln, spec, true, config)
	return nil
}

func setOptions(c syscall.Conn, spec sock.Spec, options sock.Options) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("inherit %s: %w", spec, err)
	}
	return sock.Control(spec, options)("", "", raw)
}

func (s *server) addStream(ln net.Listener, spec sock.Spec, inherited bool, config *tls.Config) {
	s.specs = append(s.specs, spec)
	s.acceptors = append(s.acceptors, newAcceptor(s, ln.(streamListener), spec, inherited, config))
}

func (s *server) addPacket(conn *net.UDPConn, spec sock.Spec) {
	s.specs = append(s.specs, spec)
	s.guard.Own(spec.Addr)
	s.packets = append(s.packets, newPacket(s, conn, spec))
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

// network is what net calls spec's network: "tcp" is both families at once,
// "tcp4" and "tcp6" are one.
func network(spec sock.Spec) string {
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
