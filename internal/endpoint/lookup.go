package endpoint

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Lookup returns the addresses of a host name, in the order in which a client tries them.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

type (
	lookupKey  struct{}
	networkKey struct{}
)

// WithLookup returns a context in which Addresses uses lookup instead of the resolver of
// the system.
func WithLookup(ctx context.Context, lookup Lookup) context.Context {
	return context.WithValue(ctx, lookupKey{}, lookup)
}

// WithNetwork returns a context in which names have only the addresses of network:
// "ip4", "ip6", or "ip" for both families.
func WithNetwork(ctx context.Context, network string) context.Context {
	return context.WithValue(ctx, networkKey{}, network)
}

// Network returns the network of WithNetwork, or "ip".
func Network(ctx context.Context) string {
	if network, ok := ctx.Value(networkKey{}).(string); ok {
		return network
	}
	return "ip"
}

// families are the names of networks in errors.
var families = map[string]string{"ip4": "IPv4 ", "ip6": "IPv6 "}

// isOn reports whether addr is of the network "ip4", "ip6" or "ip".
func isOn(addr netip.Addr, network string) bool {
	return network == "ip" || addr.Is4() == (network == "ip4")
}

// Addresses returns the addresses of host for listeners and clients: host itself if it is
// an IP address, otherwise all addresses of the name, in the order of the resolver and
// each once. It returns at least one address, or an error.
//
// The name localhost has the loopback addresses of both families (RFC 6761 section 6.3),
// even if the resolver returns only one or none. The addresses that the resolver does not
// return are last.
func Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	lookup, ok := ctx.Value(lookupKey{}).(Lookup)
	if !ok {
		lookup = systemLookup
	}
	found, err := lookup(ctx, host)
	if isLocalhost(host) {
		found, err = withLoopback(found), nil
	}
	var addrs []netip.Addr
	for _, addr := range found {
		if addr = addr.Unmap(); isOn(addr, Network(ctx)) && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no " + families[Network(ctx)] + "addresses", Name: host, IsNotFound: true}
	}
	if err != nil {
		return nil, err
	}
	return addrs, nil
}

func systemLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, Network(ctx), host)
}

func isLocalhost(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// withLoopback appends the loopback address of each family that has no address in found.
func withLoopback(found []netip.Addr) []netip.Addr {
	for _, loopback := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		has := slices.ContainsFunc(found, func(a netip.Addr) bool { return a.Unmap().Is4() == loopback.Is4() })
		if !has {
			found = append(found, loopback)
		}
	}
	return found
}
