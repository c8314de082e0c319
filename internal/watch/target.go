package watch

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"echod/internal/dial"
	"echod/internal/endpoint"
)

// Target is a service to monitor. [Parse] makes one from a URL.
type Target struct {
	URL  string      // as it was given, with a scheme if there was none
	Dial dial.Target // its Address has a name if All is set

	// All means to monitor each address of the name separately. Without it, one
	// connection is made to any of them.
	All bool
}

// Parse reads a URL as [endpoint.ParseDNS] does: dns+tcp://, dns+tls:// and dns+udp://
// mean all addresses of a name.
func Parse(url string) (Target, error) {
	u, all, err := endpoint.ParseDNS(url)
	if err != nil {
		return Target{}, err
	}
	if !strings.Contains(url, "://") {
		prefix := ""
		if all {
			prefix = "dns+"
		}
		url = prefix + u.String()
	}
	return Target{URL: url, Dial: dial.Target{Network: u.Network, Address: u.Address()}, All: all}, nil
}

// Lookup returns the addresses of a name.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// resolver fails if one of its queries does. It would omit addresses otherwise.
var resolver = &net.Resolver{StrictErrors: true}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return resolver.LookupNetIP(ctx, endpoint.Network(ctx), host)
}

// lookUp returns the addresses of t: host:port, or a path. A name that does not exist has
// no addresses, which is not an error. Addresses of another family than t's source
// address are omitted.
func (t Target) lookUp(ctx context.Context, lookup Lookup) ([]string, error) {
	if !t.All {
		return []string{t.Dial.Address}, nil
	}
	host, port, err := net.SplitHostPort(t.Dial.Address)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", t.URL, err)
	}
	found, err := lookup(ctx, host)
	if notFound(err) {
		return nil, nil
	}
	var here []netip.Addr
	for _, addr := range found {
		addr = addr.Unmap()
		if from := t.Dial.Source; !from.IsValid() || from.Is4() == addr.Is4() {
			here = append(here, addr)
		}
	}
	slices.SortFunc(here, netip.Addr.Compare)
	var all []string
	for _, addr := range slices.Compact(here) {
		all = append(all, net.JoinHostPort(addr.String(), port))
	}
	return all, err
}

// notFound reports whether the name does not exist.
func notFound(err error) bool {
	failed, ok := errors.AsType[*net.DNSError](err)
	return ok && failed.IsNotFound
}

// at returns the target of one address of t. Its certificate must be valid for the name,
// not for the address.
func (t Target) at(address string) dial.Target {
	to := t.Dial
	to.Address = address
	if t.All && to.Network == "tls" {
		config := new(tls.Config)
		if to.TLS != nil {
			config = to.TLS.Clone()
		}
		host, _, _ := net.SplitHostPort(t.Dial.Address)
		config.ServerName = cmp.Or(config.ServerName, host)
		to.TLS = config
	}
	return to
}
