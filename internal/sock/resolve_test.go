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

func mustParse(t *testing.T, url string) Spec {
	t.Helper()
	s, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hasLoopback6 reports whether ::1 is there to be bound.
func hasLoopback6() bool {
	conn, err := net.ListenPacket("udp", "[::1]:0")
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func TestIPv6IsKnownWhereItCanBeUsed(t *testing.T) {
	if hasLoopback6() && !hasIPv6() {
		t.Error("::1 can be bound, and IPv6 is unknown")
	}
}

func texts(specs []Spec) (all []string) {
	for _, s := range specs {
		all = append(all, s.String())
	}
	return all
}

func TestResolveFindsTheAddressesToBind(t *testing.T) {
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
		{"tcp://203.0.113.1:80", "tcp://203.0.113.1:80"}, // not ours: bind(2) says so
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

// TestResolveTakesEveryAddressOfANameThatIsOurs: 203.0.113.0/24 is nobody's (RFC
// 5737).
func TestResolveTakesEveryAddressOfANameThatIsOurs(t *testing.T) {
	if !hasLoopback6() {
		t.Skip("::1 cannot be bound here")
	}
	const four, six = "127.0.0.1", "::1"
	tests := []struct {
		name, host string
		found      []string
		want       []string
	}{
		{"localhost, IPv4 alone", "localhost", []string{four}, []string{"udp://127.0.0.1:7", "udp://[::1]:7"}},
		{"localhost, IPv6 alone", "localhost", []string{six}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"localhost, IPv6 first", "localhost", []string{six, four}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"another name", "host.example", []string{six, four}, []string{"udp://[::1]:7", "udp://127.0.0.1:7"}},
		{"with others' addresses", "host.example", []string{"203.0.113.1", four, "203.0.113.2"}, []string{"udp://127.0.0.1:7"}},
		{"others' addresses alone", "host.example", []string{"203.0.113.1", "203.0.113.2"}, []string{"udp://203.0.113.1:7"}},
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

func TestResolveSaysWhatIsWrong(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct{ url, want string }{
		{"tcp://no-such-host.invalid:80", "bad address tcp://no-such-host.invalid:80: the host no-such-host.invalid does not resolve ("},
		{"tcp://[fe80::1%25nosuch]:80", "bad address tcp://[fe80::1%25nosuch]:80: the zone nosuch is no interface of this machine: name one, as in %25eth0"},
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

func TestFreePortIsFreeAtEveryAddress(t *testing.T) {
	if !hasLoopback6() {
		t.Skip("::1 cannot be bound here")
	}
	both := []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}
	for _, network := range []string{"tcp", "udp"} {
		port := FreePort(network, both)
		if port == 0 {
			t.Fatalf("%s: no port is free at both", network)
		}
		var release []func() error
		for _, addr := range both {
			bound, free, err := bindOnce(network, netip.AddrPortFrom(addr, port).String())
			if err != nil || bound != port {
				t.Fatalf("%s: bound %d, %v; want %d", network, bound, err, port)
			}
			release = append(release, free)
		}
		if got, ok := freePort(network, []netip.Addr{both[0], netip.MustParseAddr("203.0.113.1")}); ok || got != 0 {
			t.Errorf("%s: got %d, %v at an address that is not ours; want none", network, got, ok)
		}
		if got := FreePort(network, []netip.Addr{netip.MustParseAddr("203.0.113.1")}); got != 0 {
			t.Errorf("%s: got %d, want 0 for none", network, got)
		}
		for _, free := range release {
			free()
		}
	}
	if _, ok := freePort("tcp", nil); ok {
		t.Error("a port is free at no address: want none")
	}
}
