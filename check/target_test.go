package check_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/check"
)

func TestParseTargetReadsURLs(t *testing.T) {
	tests := []struct {
		url  string
		want check.Target
	}{
		{"localhost:7", check.Target{Network: "tcp", Address: "localhost:7"}},
		{"tcp://localhost:7", check.Target{Network: "tcp", Address: "localhost:7"}},
		{"tcp://192.0.2.1:65535", check.Target{Network: "tcp", Address: "192.0.2.1:65535"}},
		{"tcp://[::1]:8080", check.Target{Network: "tcp", Address: "[::1]:8080"}},
		{"tcp://[fe80::1%eth0]:8080", check.Target{Network: "tcp", Address: "[fe80::1%eth0]:8080"}},
		{"tcp://[fe80::1%25eth0]:8080", check.Target{Network: "tcp", Address: "[fe80::1%eth0]:8080"}},
		{"tls://echo.example:7", check.Target{Network: "tls", Address: "echo.example:7"}},
		{"udp://echo.example:7", check.Target{Network: "udp", Address: "echo.example:7"}},
		{"UNIX:///a%20b", check.Target{Network: "unix", Address: "/a b"}},
	}
	addrs := cmpopts.EquateComparable(netip.Addr{})
	for _, tt := range tests {
		got, err := check.ParseTarget(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got, addrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.url, diff)
		}
		if again, err := check.ParseTarget(got.String()); err != nil || !cmp.Equal(again, got, addrs) {
			t.Errorf("%s: %s is read back as %+v, %v", tt.url, got, again, err)
		}
	}
}

func TestParseTargetSaysWhatIsWrongAndWhatIsValid(t *testing.T) {
	tests := []struct{ url, want string }{
		{"7", "want tcp://localhost:7"},
		{"tpc://localhost:7", `unknown scheme "tpc": want tcp://localhost:7`},
		{"tcp://localhost", "no port: want tcp://localhost:PORT"},
		{"tcp://:7", "no host: want tcp://localhost:7"},
		{"tcp://localhost:0", `invalid port "0": want a number from 1 to 65535`},
		{"unix:///a?b", `unexpected "?b": omit it, or write %3F for a ? in a path`},
	}
	for _, tt := range tests {
		_, err := check.ParseTarget(tt.url)
		want := fmt.Sprintf("invalid URL %q: %s", tt.url, tt.want)
		var usage *check.UsageError
		if !errors.As(err, &usage) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
