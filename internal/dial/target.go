// Package dial connects to the services that echod sends to: it parses their URLs, dials
// them, adds TLS, and classifies errors.
package dial

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"echod/internal/endpoint"
)

// Target is a service. [Parse] makes one from a URL.
type Target struct {
	Network string // "tcp", "tls", "unix" or "udp"
	Address string // host:port, or the path of the socket

	// TLS is for the network "tls". Nil trusts the roots of the system. The default
	// ServerName is the host of Address.
	TLS *tls.Config
	// Source is the source address; if it is zero, the kernel chooses one. It is not
	// for unix sockets.
	Source netip.Addr
	// Socket is the options of the sockets. [Socket.Check] reports whether they can be set.
	Socket Socket
	// ReceiveTTL makes [Read] return the TTL of datagrams, on Linux.
	ReceiveTTL bool
	// Permit, if set, refuses addresses of IP: it returns an error for one to which nothing may
	// connect. It is asked before each connect, with the address that the name has then.
	Permit func(netip.Addr) error
	// Via, if set, makes the connections instead of package net. For the network
	// "tls" it makes the connections below TLS.
	Via func(ctx context.Context) (net.Conn, error)
}

// Parse parses a URL as [endpoint.Parse] does.
func Parse(url string, networks ...string) (Target, error) {
	u, err := endpoint.Parse(url, networks...)
	if err != nil {
		return Target{}, err
	}
	return Target{Network: u.Network, Address: u.Address()}, nil
}

// String returns the URL of the target.
func (t Target) String() string { return endpoint.Format(t.Network, t.Address) }

// Dial makes one connection, also for datagrams. With TLS it includes the handshake; if
// that fails, the error is a *HandshakeError. ctx bounds all of it.
func (t Target) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := t.DialTransport(ctx)
	if err != nil || t.Network != "tls" {
		return conn, err
	}
	return t.startTLS(ctx, conn)
}

// DialTransport is Dial without TLS. If the host is a name with several addresses, it
// tries each, also for datagrams. RemoteAddr of the connection is the one that it used.
func (t Target) DialTransport(ctx context.Context) (net.Conn, error) {
	if t.Via != nil {
		return t.Via(ctx)
	}
	network := endpoint.Transport(t.Network)
	if t.HasName() {
		return t.dialName(ctx, network)
	}
	return t.connect(ctx, network, t.Address)
}

// connect makes a socket and connects it to one address.
func (t Target) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := new(net.Dialer)
	if t.Permit != nil {
		dialer.ControlContext = func(_ context.Context, network, address string, c syscall.RawConn) error {
			return cmp.Or(t.Permitted(address), t.control(network, address, c))
		}
	}
	options := t.Socket != (Socket{}) || t.ReceiveTTL
	if network != "unix" && t.Permit == nil && (t.Source.IsValid() || options) {
		dialer.Control = t.control
	}
	switch {
	case !t.Source.IsValid():
	case network == "tcp":
		dialer.LocalAddr = &net.TCPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	case network == "udp":
		dialer.LocalAddr = &net.UDPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	udp, ok := conn.(*net.UDPConn)
	if !ok || err != nil {
		return conn, err
	}
	udp.SetReadBuffer(DatagramQueue) // if this fails, the buffer has its usual size
	if options {
		return &datagramConn{udp, t.ReceiveTTL}, nil
	}
	return udp, nil
}

// Permitted returns the error of Permit for address, which is IP:PORT. Nothing else is permitted if
// there is a Permit.
func (t Target) Permitted(address string) error {
	if t.Permit == nil {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s is not an IP address with a port", address)
	}
	return t.Permit(at.Addr())
}

// ListenUDP opens a socket for datagrams that is not connected, with the source and the
// options of t. Network is "udp4" or "udp6". Port 0 is any port.
func (t Target) ListenUDP(ctx context.Context, network string, port int) (*net.UDPConn, error) {
	host := ""
	if t.Source.IsValid() {
		host = t.Source.String()
	}
	t.Source = netip.Addr{} // bind(2) chooses the port: nothing is connected
	config := net.ListenConfig{Control: t.control}
	conn, err := config.ListenPacket(ctx, network, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// control gives the options to a new socket. It is a Control of net.Dialer and
// net.ListenConfig.
func (t Target) control(network, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) {
		if t.Source.IsValid() {
			bindWithoutPort(int(fd))
		}
		ipv6 := strings.HasSuffix(network, "6")
		if err = t.Socket.set(int(fd), ipv6); err == nil && t.ReceiveTTL && strings.HasPrefix(network, "udp") {
			err = receiveTTL(int(fd), ipv6)
		}
	})
	return cmp.Or(failed, err)
}

// keepAliveProbes is how many keepalive probes without an answer end a connection.
const keepAliveProbes = 4

// SetKeepAlive makes the kernel send a TCP keepalive probe whenever c, or the connection
// below TLS, was silent for that long: whole seconds, tcp(7). 0 turns keepalive off. The
// error is errors.ErrUnsupported if c is to have keepalive and does not support it.
func SetKeepAlive(c net.Conn, every time.Duration) error {
	conn, ok := Transport(c).(interface {
		SetKeepAlive(on bool) error
		SetKeepAliveConfig(net.KeepAliveConfig) error
	})
	switch {
	case every == 0 && !ok:
		return nil
	case !ok:
		return errors.ErrUnsupported
	case every == 0:
		return conn.SetKeepAlive(false)
	}
	return conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: keepAliveProbes})
}
