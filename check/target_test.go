package check_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestParseTargetReadsURLs(t *testing.T) {
	tests := []struct {
		url  string
		want check.Target
	}{
		{"tcp://localhost:7", check.Target{Network: "tcp", Address: "localhost:7"}},
		{"tcp://192.0.2.1:65535", check.Target{Network: "tcp", Address: "192.0.2.1:65535"}},
		{"tcp://[::1]:8080", check.Target{Network: "tcp", Address: "[::1]:8080"}},
		{"tcp://[fe80::1%eth0]:8080", check.Target{Network: "tcp", Address: "[fe80::1%eth0]:8080"}},
		{"tcp://[fe80::1%25eth0]:8080", check.Target{Network: "tcp", Address: "[fe80::1%eth0]:8080"}},
		{"tls://echo.example:7", check.Target{Network: "tls", Address: "echo.example:7"}},
		{"udp://echo.example:7", check.Target{Network: "udp", Address: "echo.example:7"}},
		{"unix:///run/echo.sock", check.Target{Network: "unix", Address: "/run/echo.sock"}},
	}
	for _, tt := range tests {
		got, err := check.ParseTarget(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if diff := cmp.Diff(tt.want.String(), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.url, diff)
		}
	}
}

func TestParseTargetSaysWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	const any = "want tcp://host:port, tls://host:port, udp://host:port or unix:///path"
	tests := []struct{ url, want string }{
		{"", "no scheme; " + any},
		{"localhost:7", "no scheme; " + any},
		{"banana://localhost:7", `unknown scheme "banana"; ` + any},
		{"tpc://localhost:7", `unknown scheme "tpc"; write tcp://`},
		{"TCP://localhost:7", `unknown scheme "TCP"; write tcp://`},
		{"tcp://", "no port; want tcp://host:port"},
		{"tcp://localhost", "no port; want tcp://host:port"},
		{"tcp://[::1]", "no port; want tcp://host:port"},
		{"tcp://:7", "no host; want tcp://host:port"},
		{"tls://localhost", "no port; want tls://host:port"},
		{"udp://:7", "no host; want udp://host:port"},
		{"tcp://::1:7", "an IPv6 address without brackets; want tcp://[address]:port"},
		{"tcp://localhost:", `bad port ""; want a number from 1 to 65535`},
		{"tcp://localhost:echo", `bad port "echo"; want a number from 1 to 65535`},
		{"tcp://localhost:0", `bad port "0"; want a number from 1 to 65535`},
		{"tcp://localhost:65536", `bad port "65536"; want a number from 1 to 65535`},
		{"tcp://localhost:-1", `bad port "-1"; want a number from 1 to 65535`},
		{"tcp://localhost:7/path", `unexpected "/path"; want tcp://host:port`},
		{"tcp://localhost:7?engine=net", `unexpected "?engine=net"; want tcp://host:port`},
		{"tcp://me@localhost:7", `unexpected "@localhost:7"; want tcp://host:port`},
		{"unix://", "no path; want unix:///path"},
		{"unix://run/echo.sock", "a relative path; want unix:///path"},
	}
	for _, tt := range tests {
		_, err := check.ParseTarget(tt.url)
		want := "bad address " + tt.url + ": " + tt.want
		var usage *check.UsageError
		if !errors.As(err, &usage) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestParseTargetRefusesPathsNoSocketCanHave(t *testing.T) {
	_, err := check.ParseTarget("unix:///" + strings.Repeat("x", 200))
	var usage *check.UsageError
	if !errors.As(err, &usage) || !strings.Contains(usage.Got, "a path of 201 bytes") {
		t.Errorf("got %v, want the path's length", err)
	}
}
