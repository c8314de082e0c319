package dial

import (
	"echod/internal/usage"
	"errors"
	"testing"
)

func TestParseReadsWhatIsToBeDialled(t *testing.T) {
	tests := []struct{ url, network, address, text string }{
		{"TCP://127.0.0.1:7", "tcp", "127.0.0.1:7", "tcp://127.0.0.1:7"},
		{"tls://echo.example:443", "tls", "echo.example:443", "tls://echo.example:443"},
		{"udp://[fe80::1%eth0]:7", "udp", "[fe80::1%eth0]:7", "udp://[fe80::1%25eth0]:7"},
		{"unix:///a%20path/100%25", "unix", "/a path/100%", "unix:///a%20path/100%25"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.url)
		if err != nil || got.Network != tt.network || got.Address != tt.address || got.String() != tt.text {
			t.Errorf("%s: got %q %q, %s, error %v; want %q %q, %s", tt.url, got.Network, got.Address, got, err, tt.network, tt.address, tt.text)
		}
	}
	got, err := Parse("tcp://echo.example:0")
	if _, ok := errors.AsType[*usage.Error](err); !ok || got.Network != "" || got.Address != "" {
		t.Errorf("got %v, %v; want a *usage.Error alone", got, err)
	}
}
