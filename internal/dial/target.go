package dial

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"

	"echod/internal/endpoint"
)

// Target is a service that can be asked. [Parse] makes one from a URL.
type Target struct {
	Network string // "tcp", "tls", "unix" or "udp"
	Address string // host:port, or the socket's path

	// TLS is for the network "tls". Nil trusts the system's roots; without a
	// ServerName, that is the Address's host.
	TLS *tls.Config
	// Source is the address to speak from; the zero one leaves it to the kernel.
	// It is not for unix sockets.
	Source netip.Addr
	// Via, if set, makes the connections in place of the net package. For the
	// network "tls" it makes those that TLS is spoken over.
	Via func(ctx context.Context) (net.Conn, error)
}

// Parse reads a URL as [endpoint.Parse] does.
func Parse(url string, networks ...string) (Target, error) {
	u, err := endpoint.Parse(url, networks...)
	if err != nil {
		return Target{}, err
	}
	return Target{Network: u.Network, Address: u.Address()}, nil
}

// String is the target's URL.
func (t Target) String() string { return endpoint.Format(t.Network, t.Address) }

// Dial makes one connection, for streams and datagrams alike. Under TLS the
// handshake has been done; if it failed, the error is a *HandshakeError. ctx
// bounds all of it.
func (t Target) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := t.DialBare(ctx)
	if err != nil || t.Network != "tls" {
		return conn, err
	}
	return t.secure(ctx, conn)
}

// DialBare makes one connection without the TLS on it. A name is tried at each of
// its addresses in turn, also for datagrams: the connection's RemoteAddr tells
// which one it is.
func (t Target) DialBare(ctx context.Context) (net.Conn, error) {
	if t.Via != nil {
		return t.Via(ctx)
	}
	network := t.Network
	if network == "tls" {
		network = "tcp"
	}
	if t.Named() {
		return t.dialName(ctx, network)
	}
	return t.dialer(network).DialContext(ctx, network, t.Address)
}

func (t Target) dialer(network string) *net.Dialer {
	dialer := new(net.Dialer)
	switch {
	case !t.Source.IsValid():
	case network == "tcp":
		dialer.LocalAddr = &net.TCPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	case network == "udp":
		dialer.LocalAddr = &net.UDPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	}
	return dialer
}
