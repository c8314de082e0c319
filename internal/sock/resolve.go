package sock

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"echod/internal/endpoint"
)

// Resolve returns the addresses to bind, in the order of [endpoint.Addresses]: all
// those of a name that this machine has, so that clients find the listener at
// whichever they try first. If the machine has none of them, it is the first, for
// bind(2) to say why. No host is the unspecified address of IPv6, which means both
// families, or of IPv4 on a machine without IPv6. A unix path needs nothing. The
// error is an *usage.Error.
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
	addrs, err := endpoint.Addresses(ctx, s.Host)
	if err != nil {
		return nil, s.bad("the host "+s.Host+" does not resolve ("+reason(err)+")",
			"give an address, or a name that /etc/hosts or DNS knows")
	}
	if zone := addrs[0].Zone(); zone != "" && addrs[0].String() == s.Host && zoneID(zone) == 0 {
		return nil, s.bad("the zone "+zone+" is no interface of this machine", "name one, as in %25eth0")
	}
	return ours(addrs), nil
}

// ours are those of addrs that a socket can be bound to, or else the first.
func ours(addrs []netip.Addr) []netip.Addr {
	if len(addrs) == 1 {
		return addrs
	}
	var bindable []netip.Addr
	for _, addr := range addrs {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err == nil {
			conn.Close()
			bindable = append(bindable, addr)
		}
	}
	if len(bindable) == 0 {
		return addrs[:1]
	}
	return bindable
}

func (s Spec) bad(got, want string) error {
	return endpoint.BadURL(s.String(), got, want)
}

// reason is a resolver's error without the name and the server that it repeats.
func reason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err
	}
	return err.Error()
}
