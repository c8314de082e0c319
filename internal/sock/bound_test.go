package sock

import (
	"net"
	"net/netip"
	"testing"
)

func TestBoundTo(t *testing.T) {
	want := netip.MustParseAddrPort("127.0.0.1:7")
	tests := []struct {
		name string
		addr net.Addr
		ok   bool
	}{
		{"tcp", net.TCPAddrFromAddrPort(want), true},
		{"udp", net.UDPAddrFromAddrPort(want), true},
		{"getsockname failed", nil, false},
		{"getsockname failed, with a type", (*net.TCPAddr)(nil), false},
		{"unix", &net.UnixAddr{Name: "/s", Net: "unix"}, false},
	}
	for _, tt := range tests {
		got, err := BoundTo(tt.addr)
		if tt.ok && got != want || (err == nil) != tt.ok {
			t.Errorf("%s: got %v, %v; want %v, ok %t", tt.name, got, err, want, tt.ok)
		}
	}
}
