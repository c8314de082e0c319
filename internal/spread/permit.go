package spread

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"echod/internal/dial"
)

// DefaultAllow are the addresses to which a worker connects unless its operator names others: loopback,
// private networks (RFC 1918, RFC 4193) and link-local IPv6 (RFC 4291). Not among them are
// 169.254.0.0/16, where the metadata services of clouds are, and 100.64.0.0/10 (RFC 6598), which
// belongs to providers.
var DefaultAllow = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// permits are the addresses to which a worker connects.
type permits []netip.Prefix

// check returns an error for an address to which the worker does not connect.
func (p permits) check(addr netip.Addr) error {
	plain := addr.Unmap().WithZone("")
	if slices.ContainsFunc(p, func(allowed netip.Prefix) bool { return allowed.Contains(plain) }) {
		return nil
	}
	var words []string
	for _, prefix := range p {
		words = append(words, prefix.String())
	}
	return fmt.Errorf("%s is not an address that this worker connects to: its --allow has %s", addr, strings.Join(words, ", "))
}

// checkAll returns an error if the target has an address to which the worker does not connect.
func (p permits) checkAll(ctx context.Context, target dial.Target) error {
	addresses, err := target.Addresses(ctx)
	if err != nil {
		return err
	}
	target.Permit = p.check
	for _, address := range addresses {
		if err := target.Permitted(address); err != nil {
			return err
		}
	}
	return nil
}
