package sock

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/endpoint"
	"echod/internal/usage"
)

var compareAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestParseReadsTheURLOfAListener(t *testing.T) {
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, n) }
	tests := []struct {
		url  string
		want Spec
		text string
	}{
		{"TCP://:8080?engine=net", Spec{Network: "tcp", Addr: port(8080), Engine: "net"}, "tcp://:8080"},
		{"tls://localhost:0", Spec{Network: "tls", Host: "localhost", Addr: port(0)}, "tls://localhost:0"},
		{"udp://[fe80::1%eth0]:7", Spec{Network: "udp", Host: "fe80::1%eth0", Addr: port(7)}, "udp://[fe80::1%25eth0]:7"},
		{"unix:///a%20b", Spec{Network: "unix", Path: "/a b", Addr: port(0)}, "unix:///a%20b"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.url)
		if diff := cmp.Diff(tt.want, got, compareAddr); err != nil || diff != "" || got.String() != tt.text {
			t.Errorf("%s: got %s, %v; want %s (-want +got)\n%s", tt.url, got, err, tt.text, diff)
		}
	}
	got, err := Parse("tcp://localhost")
	if _, ok := errors.AsType[*usage.Error](err); !ok || got != (Spec{}) {
		t.Errorf("got %+v, %v; want only a *usage.Error", got, err)
	}
}

func TestSpecStringHasTheBoundAddress(t *testing.T) {
	tests := []struct {
		spec            Spec
		text, transport string
	}{
		{Spec{Network: "tls", Host: "localhost", Addr: netip.MustParseAddrPort("127.0.0.1:7")}, "tls://127.0.0.1:7", "tcp"},
		{Spec{Network: "udp", Host: "", Addr: netip.MustParseAddrPort("[::]:7")}, "udp://[::]:7", "udp"},
		{Spec{Network: "tcp", Host: "x", Addr: netip.MustParseAddrPort("[fe80::1%eth0]:7")}, "tcp://[fe80::1%25eth0]:7", "tcp"},
	}
	for _, tt := range tests {
		if got := tt.spec.String(); got != tt.text || tt.spec.Transport() != tt.transport {
			t.Errorf("got %s over %s, want %s over %s", got, tt.spec.Transport(), tt.text, tt.transport)
		}
	}
}

func mustParse(t *testing.T, url string) Spec {
	t.Helper()
	s, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hasLoopback6 reports whether ::1 can be bound.
func hasLoopback6() bool {
	conn, err := net.ListenPacket("udp", "[::1]:0")
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func TestHasIPv6IfLoopbackCanBeBound(t *testing.T) {
	if hasLoopback6() && !hasIPv6() {
		t.Error("hasIPv6: got false, but ::1 can be bound")
	}
}

func texts(specs []Spec) (all []string) {
	for _, s := range specs {
		all = append(all, s.String())
	}
	return all
}

func TestResolveReturnsTheAddressesToBind(t *testing.T) {
	every := "tcp://0.0.0.0:80"
	if hasIPv6() {
		every = "tcp://[::]:80"
	}
	tests := []struct{ url, want string }{
		{"tcp://:80", every},
		{"tcp://0.0.0.0:80", "tcp://0.0.0.0:80"},
		{"tcp://[::]:80", "tcp://[::]:80"},
		{"udp://127.0.0.1:0", "udp://127.0.0.1:0"},
		{"tcp://[::ffff:127.0.0.1]:80", "tcp://127.0.0.1:80"},
		{"tcp://203.0.113.1:80", "tcp://203.0.113.1:80"}, // not a local address: bind(2) will fail
		{"unix:///run/echod.sock", "unix:///run/echod.sock"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			got, err := mustParse(t, tt.url).Resolve(t.Context())
			if diff := cmp.Diff([]string{tt.want}, texts(got)); err != nil || diff != "" {
				t.Errorf("got %v (-want +got)\n%s", err, diff)
			}
		})
	}
}

// TestResolveReturnsEveryLocalAddressOfAName uses 203.0.113.0/24 for other machines (RFC
// 5737).
func TestResolveReturnsEveryLocalAddressOfAName(t *testing.T) {
	if !hasLoopback6() {
		t.Skip("::1 cannot be bound here")
	}
	const four, six = "127.0.0.1", "::1"
	tests := []struct {
		name, host string
		found      []string
		want       []string
	}{
		{"localhost, IPv4 only", "localhost", []string{four}, []string{"udp://127.0.0.1:7", "udp://[::1]:7"}},
		{"localhost, IPv6 only", "localhost", []string{six}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"localhost, IPv6 first", "localhost", []string{six, four}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"another name", "host.example", []string{six, four}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"with addresses of other machines", "host.example", []string{"203.0.113.1", four, "203.0.113.2"}, []string{"udp://127.0.0.1:7"}},
		{"only addresses of other machines", "host.example", []string{"203.0.113.1", "203.0.113.2"}, []string{"udp://203.0.113.1:7"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) (found []netip.Addr, _ error) {
				for _, addr := range tt.found {
					found = append(found, netip.MustParseAddr(addr))
				}
				return found, nil
			})
			got, err := mustParse(t, "udp://"+tt.host+":7").Resolve(ctx)
			if diff := cmp.Diff(tt.want, texts(got)); err != nil || diff != "" {
				t.Errorf("got %v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestResolveErrorNamesTheAddressAndTheReason(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct{ url, want string }{
		{"tcp://no-such-host.invalid:80", `invalid URL "tcp://no-such-host.invalid:80": the name does not resolve (`},
		{"tcp://[fe80::1%25nosuch]:80", `invalid URL "tcp://[fe80::1%25nosuch]:80": this machine has no interface nosuch: want the name of an interface, e.g. %25eth0`},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, err := mustParse(t, tt.url).Resolve(ended)
			if _, ok := errors.AsType[*usage.Error](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
			if strings.Contains(err.Error(), "lookup") {
				t.Errorf("got %v, want the name once", err)
			}
		})
	}
}

func TestNetNetworkServesBothFamiliesOnlyWithoutAHost(t *testing.T) {
	tests := []struct{ url, addr, want string }{
		{"tcp://:80", "[::]:80", "tcp"},
		{"tcp://:80", "0.0.0.0:80", "tcp4"},
		{"tls://[::1]:80", "[::1]:80", "tcp6"},
		{"udp://localhost:80", "127.0.0.1:80", "udp4"},
		{"udp://[::]:80", "[::]:80", "udp6"},
	}
	for _, tt := range tests {
		s := mustParse(t, tt.url)
		s.Addr = netip.MustParseAddrPort(tt.addr)
		if got := s.NetNetwork(); got != tt.want {
			t.Errorf("%s at %s: got %s, want %s", tt.url, tt.addr, got, tt.want)
		}
	}
}
