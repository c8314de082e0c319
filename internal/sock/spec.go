// Package sock makes the sockets that echod listens on, from the URL of a listener:
// the address ([Spec]), the socket options ([Options]), and the bound socket, made
// with system calls through [sys.Kernel] ([Listen]) or with Go's net package
// ([Control], [ListenUnix]). [Calls] makes the system calls for which net.Conn has
// no method.
package sock

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"echod/internal/endpoint"
)

// Spec is one address to listen on. Its URL is tcp://host:port, tls://host:port,
// udp://host:port or unix:///path, with ?engine=NAME if the listener has an engine
// of its own.
//
// Parse makes a Spec from a URL and Resolve sets Addr. Their errors are
// *usage.Error.
type Spec struct {
	Network string         // "tcp", "tls", "udp" or "unix"
	Host    string         // as written: a name, an address or "" for every address
	Addr    netip.AddrPort // the address to bind, except for unix; :: with Host "" means both families
	Path    string         // the path of the socket, for unix
	Engine  string         // the engine named in the URL, or ""
	File    FileID         // for unix, once it is bound by us: the socket file that Unlink may remove
}

// Parse reads the URL of a listener, see [endpoint.ParseListener]. It does not look up
// names; Resolve does.
func Parse(url string, networks ...string) (Spec, error) {
	u, err := endpoint.ParseListener(url, networks...)
	if err != nil {
		return Spec{}, err
	}
	return Spec{Network: u.Network, Host: u.Host, Addr: netip.AddrPortFrom(netip.Addr{}, u.Port), Path: u.Path, Engine: u.Engine}, nil
}

// Transport returns the network of the socket itself: "tcp" for "tls".
func (s Spec) Transport() string { return endpoint.URL{Network: s.Network}.Transport() }

// NetNetwork returns the network to listen on with package net. "tcp" and "udp" serve
// both families, "tcp4", "tcp6", "udp4" and "udp6" one.
func (s Spec) NetNetwork() string {
	switch {
	case s.Addr.Addr().Is4():
		return s.Transport() + "4"
	case s.Host != "":
		return s.Transport() + "6"
	default:
		return s.Transport()
	}
}

// String returns the URL without the engine: with the address instead of the host
// once it is resolved, and with the real port once it is bound.
func (s Spec) String() string {
	u := endpoint.URL{Network: s.Network, Host: s.Host, Port: s.Addr.Port(), Path: s.Path}
	if s.Addr.Addr().IsValid() {
		u.Host = s.Addr.Addr().String()
	}
	return u.String()
}

// Resolve returns the addresses to bind, in the order of [endpoint.Addresses]. For a
// name these are all of its addresses that this machine has, so that clients find the
// listener at whichever they try first. If the machine has none of them, Resolve
// returns the first, and bind(2) reports why it fails. An empty host means the
// unspecified address of IPv6, which serves both families, or that of IPv4 on a
// machine without IPv6. A unix path needs no resolution. The error is an
// *usage.Error.
func (s Spec) Resolve(ctx context.Context) ([]Spec, error) {
	if s.Network == "unix" {
		return []Spec{s}, nil
	}
	addrs, err := s.lookup(ctx)
	if err != nil {
		return nil, err
	}
	var all []Spec
	for _, addr := range addrs {
		one := s
		one.Addr = netip.AddrPortFrom(addr, s.Addr.Port())
		all = append(all, one)
	}
	return all, nil
}

func (s Spec) lookup(ctx context.Context) ([]netip.Addr, error) {
	if s.Host == "" {
		if hasIPv6() {
			return []netip.Addr{netip.IPv6Unspecified()}, nil
		}
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	invalid := func(got, want string) error { return endpoint.BadURL(s.String(), got, want) }
	addrs, err := endpoint.Addresses(ctx, s.Host)
	if err != nil {
		reason := err.Error()
		if dns, ok := errors.AsType[*net.DNSError](err); ok {
			reason = dns.Err // without the name and the server, which are in the URL or do not matter
		}
		return nil, invalid("the name does not resolve ("+reason+")",
			"want an IP address, or a name that /etc/hosts or DNS has")
	}
	if zone := addrs[0].Zone(); zone != "" && addrs[0].String() == s.Host && zoneID(zone) == 0 {
		return nil, invalid("this machine has no interface "+zone, "want the name of an interface, e.g. %25eth0")
	}
	return filterLocal(addrs), nil
}

// filterLocal returns those of addrs that a socket can be bound to: the addresses of this
// machine. If there are none it returns the first of addrs.
func filterLocal(addrs []netip.Addr) []netip.Addr {
	if len(addrs) == 1 {
		return addrs
	}
	var all []netip.Addr
	for _, addr := range addrs {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err == nil {
			conn.Close()
			all = append(all, addr)
		}
	}
	if len(all) == 0 {
		return addrs[:1]
	}
	return all
}

// zoneID returns the index of the interface that an IPv6 zone names, 0 for none.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	link, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(link.Index)
}

// zoneName returns the name of the interface with that index, "" for 0.
func zoneName(id uint32) string {
	if id == 0 {
		return ""
	}
	if link, err := net.InterfaceByIndex(int(id)); err == nil {
		return link.Name
	}
	return strconv.FormatUint(uint64(id), 10)
}

// PktInfo is where a datagram arrived, from the control messages that came with it
// (IP_PKTINFO of ip(7), UDP_GRO of udp(7)). On a socket that is bound to every address, nothing else
// says which address the datagram was sent to, and the answer must come from it.
type PktInfo struct {
	// Dst is the destination in the header of the datagram, so it may be a
	// multicast or a broadcast address. IPv4-mapped IPv6 addresses are unmapped,
	// zones are omitted. The zero Addr means that it is unknown.
	Dst netip.Addr
	// Index is the index of the interface of arrival, 0 if unknown.
	Index uint32
	// Segment is the size of each datagram of a train, in bytes; the last one may be
	// shorter. 0 means that the message is one datagram. It has 16 bits in the kernel too.
	Segment uint16
}
