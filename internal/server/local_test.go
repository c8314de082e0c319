package server

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLocalAddressesKeepTheirPrefixes(t *testing.T) {
	addrs := []net.Addr{
		&net.IPNet{IP: net.ParseIP("192.0.2.10"), Mask: net.CIDRMask(26, 32)}, // 16 bytes long, as net has it
		&net.IPNet{IP: net.IPv4(203, 0, 113, 1).To4(), Mask: net.CIDRMask(31, 32)},
		&net.IPNet{IP: net.ParseIP("2001:db8::7"), Mask: net.CIDRMask(64, 128)},
		&net.IPAddr{IP: net.ParseIP("198.51.100.1")}, // no network, no prefix
	}
	want := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.10/26"),
		netip.MustParsePrefix("203.0.113.1/31"),
		netip.MustParsePrefix("2001:db8::7/64"),
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, prefixesOf(addrs), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
