package sock

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"echod/internal/endpoint"
)

// Resolve returns s with the one address to bind: a name's first IPv4 address,
// or else its first IPv6 one, as net.Listen chooses; for no host, the
// unspecified address of IPv6, which means both families, or of IPv4 on a
// machine without IPv6. A unix path needs nothing. The error is an *endpoint.Error.
func (s Spec) Resolve(ctx context.Context) (Spec, error) {
	if s.Network == "unix" {
		return s, nil
	}
	addr, err := s.lookup(ctx)
	if err != nil {
		return s, err
	}
	s.Addr = netip.AddrPortFrom(addr, s.Addr.Port())
	return s, nil
}

func (s Spec) lookup(ctx context.Context) (netip.Addr, error) {
	if s.Host == "" {
		if hasIPv6() {
			return netip.IPv6Unspecified(), nil
		}
		return netip.IPv4Unspecified(), nil
	}
	if addr, err := netip.ParseAddr(s.Host); err == nil {
		if addr.Zone() != "" && zoneID(addr.Zone()) == 0 {
			return addr, s.bad("the zone "+addr.Zone()+" is no interface of this machine", "name one, as in %25eth0")
		}
		return addr.Unmap(), nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.Host)
	if err != nil {
		return netip.Addr{}, s.bad("the host "+s.Host+" does not resolve ("+reason(err)+")",
			"give an address, or a name that /etc/hosts or DNS knows")
	}
	return firstIPv4(addrs), nil
}

func (s Spec) bad(got, want string) error { return &endpoint.Error{URL: s.String(), Got: got, Want: want} }

// firstIPv4 is the first IPv4 address of a lookup's answer, which is never
// empty, or else its first.
func firstIPv4(addrs []netip.Addr) netip.Addr {
	for _, addr := range addrs {
		if addr.Unmap().Is4() {
			return addr.Unmap()
		}
	}
	return addrs[0]
}

// reason is a resolver's error without the name and the server that it repeats.
func reason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err
	}
	return err.Error()
}
