package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func addrs(all ...string) []netip.Addr {
	var list []netip.Addr
	for _, one := range all {
		list = append(list, netip.MustParseAddr(one))
	}
	return list
}

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestAddressesAreThoseOfTheResolver(t *testing.T) {
	failed := errors.New("server misbehaving")
	tests := []struct {
		name    string
		host    string
		found   []netip.Addr
		err     error
		want    []netip.Addr
		wantErr error
	}{
		{"a name", "a", addrs("fd00::1", "10.0.0.1"), nil, addrs("fd00::1", "10.0.0.1"), nil},
		{"duplicates", "a", addrs("10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "10.0.0.1"), nil, addrs("10.0.0.1", "fd00::1"), nil},
		{"a failed lookup", "a", nil, failed, nil, failed},
		{"a failed lookup with an address", "a", addrs("10.0.0.1"), failed, nil, failed},
		{"localhost, only IPv4", "localhost", addrs("127.0.0.1"), nil, addrs("127.0.0.1", "::1"), nil},
		{"localhost, only IPv6", "localhost", addrs("::1"), nil, addrs("::1", "127.0.0.1"), nil},
		{"localhost, IPv4 first", "localhost", addrs("127.0.0.1", "::1"), nil, addrs("127.0.0.1", "::1"), nil},
		{"localhost, IPv6 first", "LocalHost.", addrs("::1", "127.0.0.1"), nil, addrs("::1", "127.0.0.1"), nil},
		{"localhost, unknown", "localhost", nil, failed, addrs("127.0.0.1", "::1"), nil},
		{"localhost, mapped", "localhost", addrs("::ffff:127.0.0.1"), nil, addrs("127.0.0.1", "::1"), nil},
		{"not localhost", "localhost.example", addrs("10.0.0.1"), nil, addrs("10.0.0.1"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := WithLookup(t.Context(), func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != tt.host {
					t.Errorf("got a lookup of %q", host)
				}
				return tt.found, tt.err
			})
			got, err := Addresses(ctx, tt.host)
			if diff := cmp.Diff(tt.want, got, compareAddrs); diff != "" || !errors.Is(err, tt.wantErr) {
				t.Errorf("got %v, want %v; addresses (-want +got)\n%s", err, tt.wantErr, diff)
			}
		})
	}
}

func TestNameWithoutAddressesIsAnError(t *testing.T) {
	none := func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	got, err := Addresses(WithLookup(t.Context(), none), "a")
	if failed, ok := errors.AsType[*net.DNSError](err); !ok || !failed.IsNotFound || len(got) > 0 {
		t.Errorf("got %v, %v; want a *net.DNSError with IsNotFound", got, err)
	}
}

func TestIPAddressIsNotLookedUp(t *testing.T) {
	ctx := WithLookup(t.Context(), func(_ context.Context, host string) ([]netip.Addr, error) {
		t.Errorf("got a lookup of %q", host)
		return nil, nil
	})
	for host, want := range map[string]string{"127.0.0.1": "127.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "fe80::1%eth0": "fe80::1%eth0"} {
		got, err := Addresses(ctx, host)
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%s: got %v, %v; want %s", host, got, err, want)
		}
	}
}

func TestSystemResolverIsTheDefault(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Addresses(canceled, "no-such-host.invalid"); err == nil {
		t.Errorf("got %v, want an error", got)
	}
	if got, err := Addresses(t.Context(), "localhost"); err != nil || len(got) < 2 {
		t.Errorf("got %v, %v; want both loopback addresses", got, err)
	}
}

func TestNetworkLimitsANameToOneAddressFamily(t *testing.T) {
	both := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}, nil
	}
	tests := []struct{ network, host, want string }{
		{"ip", "echo.example", "[2001:db8::1 192.0.2.1]"},
		{"ip4", "echo.example", "[192.0.2.1]"},
		{"ip6", "echo.example", "[2001:db8::1]"},
	}
	for _, tt := range tests {
		ctx := WithNetwork(WithLookup(t.Context(), both), tt.network)
		if got, err := Addresses(ctx, tt.host); err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: got %v, %v; want %s", tt.network, got, err, tt.want)
		}
	}
	only4 := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	got, err := Addresses(WithNetwork(WithLookup(t.Context(), only4), "ip6"), "echo.example")
	if err == nil || !strings.Contains(err.Error(), "no IPv6 addresses") {
		t.Errorf("got %v, %v; want an error that says that there are no IPv6 addresses", got, err)
	}
	nobody := func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	for network, want := range map[string]string{"ip4": "[127.0.0.1]", "ip6": "[::1]"} {
		if got, err := Addresses(WithNetwork(WithLookup(t.Context(), nobody), network), "localhost"); err != nil || fmt.Sprint(got) != want {
			t.Errorf("localhost on %s: got %v, %v; want %s", network, got, err, want)
		}
	}
}
