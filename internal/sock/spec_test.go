package sock

import (
	"echod/internal/usage"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestParseReadsWhatIsToBeListenedOn(t *testing.T) {
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
		t.Errorf("got %+v, %v; want an *usage.Error alone", got, err)
	}
}

func TestSpecIsShownAsItIsBound(t *testing.T) {
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
