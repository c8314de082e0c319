package gonet

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
)

// open binds one listener, or takes over one that is bound.
func (s *server) open(network Network, l engine.Listener) error {
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
	if l.Spec.Network == "udp" {
		conn, spec, err := network.ListenPacket(l.Spec, options)
		if err != nil {
			return err
		}
		s.addPacket(conn, spec)
		return nil
	}
	ln, spec, err := network.Listen(l.Spec, options)
	if err != nil {
		return err
	}
	s.addStream(ln, spec, false, l.TLS)
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

func (s *server) addPacket(conn PacketConn, spec sock.Spec) {
	s.specs = append(s.specs, spec)
	s.guard.Own(spec.Addr)
	s.packets = append(s.packets, newPacket(s, conn, spec))
}
