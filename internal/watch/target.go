package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

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

	// What a list says of this target. Zero values are those of the Config.
	Interval, Timeout time.Duration
	Size              int
	Labels            map[string]string // of its metrics; not changed
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

// Lookup returns the addresses of a name on network, which is "ip4" or "ip6", as
// [net.Resolver.LookupNetIP] does.
type Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// resolver fails if a query for one of the search domains fails. It would answer that the
// name does not exist otherwise.
var resolver = &net.Resolver{StrictErrors: true}

// networks returns the networks whose addresses t can have. Each is looked up separately,
// because a resolver returns no addresses at all if it fails for one of two networks.
func (t Target) networks(ctx context.Context) []string {
	all := []string{endpoint.Network(ctx)}
	if t.All && all[0] == "ip" {
		all = []string{"ip4", "ip6"}
	}
	return slices.DeleteFunc(all, func(network string) bool {
		from := t.Dial.Source
		return t.All && from.IsValid() && from.Is4() != (network == "ip4")
	})
}

// lookUp returns the addresses of t on one of its networks: host:port, or a path. A name
// that has none is not an error.
func (t Target) lookUp(ctx context.Context, network string, lookup Lookup) ([]string, error) {
	if !t.All {
		return []string{t.Dial.Address}, nil
	}
	host, port, err := net.SplitHostPort(t.Dial.Address)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", t.URL, err)
	}
	found, err := lookup(ctx, network, host)
	if err != nil && !notFound(err) {
		return nil, err
	}
	var here []netip.Addr
	for _, addr := range found {
		if addr = addr.Unmap(); addr.Is4() == (network == "ip4") {
			here = append(here, addr)
		}
	}
	slices.SortFunc(here, netip.Addr.Compare)
	var all []string
	for _, addr := range slices.Compact(here) {
		all = append(all, net.JoinHostPort(addr.String(), port))
	}
	return all, nil
}

// notFound reports whether the name does not exist, or has no address on the network.
// Package net returns a *net.AddrError if a file or the name itself has only an address of
// the other family.
func notFound(err error) bool {
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return true
	}
	failed, ok := errors.AsType[*net.DNSError](err)
	return ok && (failed.IsNotFound || failed.Err == noData)
}

// noData is the text of WSANO_DATA, with which Windows answers that a name has only
// addresses of the other family. Package net does not call it not found.
var noData = os.NewSyscallError("getaddrinfow", syscall.Errno(11004)).Error()

// Failure is a kind of failed look-ups.
type Failure struct{ Network, Reason string }

// The reasons of failed look-ups.
const (
	lookupTimedOut = "timeout" // no answer in time
	lookupServer   = "server"  // a server answered that it failed, e.g. SERVFAIL or REFUSED
	lookupOther    = "other"   // e.g. the server could not be reached
)

// Failures returns all kinds of failed look-ups.
func Failures() (all []Failure) {
	for _, network := range []string{"ip4", "ip6"} {
		for _, reason := range []string{lookupTimedOut, lookupServer, lookupOther} {
			all = append(all, Failure{network, reason})
		}
	}
	return all
}

// reasonOf returns the reason of a failed look-up.
func reasonOf(err error) string {
	failed, ok := errors.AsType[*net.DNSError](err)
	switch {
	case ok && failed.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return lookupTimedOut
	case ok && (failed.IsTemporary || failed.Err == "server misbehaving"): // the text of package net for SERVFAIL and REFUSED
		return lookupServer
	}
	return lookupOther
}

// at returns the target of one address of t. Its certificate must be valid for the name,
// not for the address.
func (t Target) at(address string) dial.Target {
	if t.All {
		return t.Dial.At(address)
	}
	to := t.Dial
	to.Address = address
	return to
}
