package sock

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"echod/internal/endpoint"
)

func mustParse(t *testing.T, url string) Spec {
	t.Helper()
	s, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestResolveFindsTheOneAddressToBind(t *testing.T) {
	every := "tcp://0.0.0.0:80"
	if hasIPv6() {
		every = "tcp://[::]:80"
	}
	tests := []struct{ url, want string }{
		{"tcp://:80", every},
		{"tcp://0.0.0.0:80", "tcp://0.0.0.0:80"},
		{"tcp://[::]:80", "tcp://[::]:80"},
		{"udp://127.0.0.1:0", "udp://127.0.0.1:0"},
		{"udp://localhost:7", "udp://127.0.0.1:7"},
		{"tcp://[::ffff:127.0.0.1]:80", "tcp://127.0.0.1:80"},
		{"unix:///run/echod.sock", "unix:///run/echod.sock"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			got, err := mustParse(t, tt.url).Resolve(t.Context())
			if err != nil || got.String() != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestResolvePrefersIPv4(t *testing.T) {
	six, four := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name   string
		answer []netip.Addr
		want   netip.Addr
	}{
		{"both", []netip.Addr{six, four}, four},
		{"mapped", []netip.Addr{six, netip.AddrFrom16(four.As16())}, four},
		{"IPv6 alone", []netip.Addr{six}, six},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := firstIPv4(tt.answer); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestResolveSaysWhatIsWrong(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct{ url, want string }{
		{"tcp://no-such-host.invalid:80", "bad address tcp://no-such-host.invalid:80: the host no-such-host.invalid does not resolve ("},
		{"tcp://[fe80::1%25nosuch]:80", "bad address tcp://[fe80::1%25nosuch]:80: the zone nosuch is no interface of this machine; name one, as in %25eth0"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, err := mustParse(t, tt.url).Resolve(ended)
			if _, ok := errors.AsType[*endpoint.Error](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}
