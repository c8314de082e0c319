package watch

import (
	"context"
	"crypto/tls"
	"echod/internal/usage"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t *testing.T, url string) Target {
	t.Helper()
	target, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestParse(t *testing.T) {
	tests := []struct {
		url  string
		want string // the address, or the error
		all  bool
	}{
		{"tcp://echo.example:7", "tcp://echo.example:7", false},
		{"unix:///run/echo", "unix:///run/echo", false},
		{"dns+tcp://echo.example:7", "tcp://echo.example:7", true},
		{"dns+tls://echo.example:7", "tls://echo.example:7", true},
		{"dns+udp://echo.example:7", "udp://echo.example:7", true},
		{"dns+unix:///run/echo", `invalid URL "dns+unix:///run/echo": a path has no addresses to look up: want unix:///run/echo`, false},
		{"dns+tcp://echo.example", `invalid URL "dns+tcp://echo.example": no port: want dns+tcp://echo.example:PORT`, false},
		{"dns+tpc://echo.example:7", `invalid URL "dns+tpc://echo.example:7": unknown scheme "tpc": want dns+tcp://echo.example:7`, false},
		{"dns+", `invalid URL "dns+": want [dns+]tcp://HOST:PORT, [dns+]tls://HOST:PORT, [dns+]udp://HOST:PORT or unix:///PATH`, false},
	}
	for _, tt := range tests {
		target, err := Parse(tt.url)
		got := target.Dial.String()
		if err != nil {
			got = err.Error()
			if _, ok := errors.AsType[*usage.Error](err); !ok {
				t.Errorf("%s: got %T, want a *usage.Error", tt.url, err)
			}
		} else if target.URL != tt.url {
			t.Errorf("%s: got %s as it was given", tt.url, target.URL)
		}
		if got != tt.want || target.All != tt.all {
			t.Errorf("%s: got %s, all %v; want %s, %v", tt.url, got, target.All, tt.want, tt.all)
		}
	}
}

func TestTargetWithoutASchemeIsShownWithOne(t *testing.T) {
	for given, want := range map[string]string{"a:7": "tcp://a:7", "dns+a:7": "dns+tcp://a:7", "TCP://a:7": "TCP://a:7"} {
		if got := mustParse(t, given).URL; got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}

func addrs(all ...string) []netip.Addr {
	var list []netip.Addr
	for _, one := range all {
		list = append(list, netip.MustParseAddr(one))
	}
	return list
}

func TestAddressesOfAName(t *testing.T) {
	failed := errors.New("server misbehaving")
	both := addrs("10.0.0.10", "10.0.0.9", "fd00::1", "::ffff:10.0.0.9")
	tests := []struct {
		name    string
		url     string
		source  netip.Addr
		found   []netip.Addr
		err     error
		want    []string
		wantErr error
	}{
		{"not a name for all addresses", "tcp://echo.example:7", netip.Addr{}, nil, failed, []string{"echo.example:7"}, nil},
		{"a path", "unix:///run/echo", netip.Addr{}, nil, failed, []string{"/run/echo"}, nil},
		{"sorted, each once", "dns+tcp://echo.example:7", netip.Addr{}, both, nil, []string{"10.0.0.9:7", "10.0.0.10:7", "[fd00::1]:7"}, nil},
		{"of the family of an IPv4 source", "dns+tcp://echo.example:7", netip.MustParseAddr("10.0.0.1"), both, nil, []string{"10.0.0.9:7", "10.0.0.10:7"}, nil},
		{"of the family of an IPv6 source", "dns+tcp://echo.example:7", netip.MustParseAddr("fd00::9"), both, nil, []string{"[fd00::1]:7"}, nil},
		{"the name does not exist", "dns+tcp://echo.example:7", netip.Addr{}, nil, &net.DNSError{IsNotFound: true}, nil, nil},
		{"no address of this family, on Windows", "dns+tcp://echo.example:7", netip.Addr{}, nil, &net.DNSError{Err: noData}, nil, nil},
		{"the resolver fails", "dns+tcp://echo.example:7", netip.Addr{}, nil, failed, nil, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := mustParse(t, tt.url)
			target.Dial.Source = tt.source
			var got []string
			for _, network := range target.networks(t.Context()) {
				found, err := target.lookUp(t.Context(), network, func(_ context.Context, _, host string) ([]netip.Addr, error) {
					if host != "echo.example" {
						t.Errorf("%q is looked up", host)
					}
					return tt.found, tt.err
				})
				if !errors.Is(err, tt.wantErr) {
					t.Errorf("%s: got %v, want %v", network, err, tt.wantErr)
				}
				got = append(got, found...)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("addresses (-want +got)\n%s", diff)
			}
		})
	}
}

// TestAddressOfOneFamilyIsNoFailureOfTheOther: package net has an error of its own for an
// IPv4 address that is looked up as IPv6, also if it is from /etc/hosts.
func TestAddressOfOneFamilyIsNoFailureOfTheOther(t *testing.T) {
	for host, want := range map[string][2][]string{"127.0.0.1": {{"127.0.0.1:7"}, nil}, "[::1]": {nil, {"[::1]:7"}}} {
		target := mustParse(t, "dns+tcp://"+host+":7")
		for i, network := range []string{"ip4", "ip6"} {
			got, err := target.lookUp(t.Context(), network, resolver.LookupNetIP)
			if diff := cmp.Diff(want[i], got); diff != "" || err != nil {
				t.Errorf("%s on %s: got %v, want none; addresses (-want +got)\n%s", host, network, err, diff)
			}
		}
	}
}

// TestCertificateMustBeValidForTheName: not for the address.
func TestCertificateMustBeValidForTheName(t *testing.T) {
	target := mustParse(t, "dns+tls://echo.example:7")
	for _, tt := range []struct {
		config *tls.Config
		want   string
	}{{nil, "echo.example"}, {&tls.Config{}, "echo.example"}, {&tls.Config{ServerName: "other.example"}, "other.example"}} {
		target.Dial.TLS = tt.config
		to := target.at("10.0.0.1:7")
		if to.TLS.ServerName != tt.want || to.String() != "tls://10.0.0.1:7" {
			t.Errorf("got %s at %v, want %s", to.TLS.ServerName, to, tt.want)
		}
	}
}
