package dial

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestParseReadsWhatAnURLNames(t *testing.T) {
	tests := []struct {
		url           string
		network, addr string
	}{
		{"tcp://127.0.0.1:7", "tcp", "127.0.0.1:7"},
		{"tcp://echo.example:65535", "tcp", "echo.example:65535"},
		{"udp://192.0.2.1:1", "udp", "192.0.2.1:1"},
		{"tls://echo.example:443", "tls", "echo.example:443"},
		{"tcp://[::1]:7", "tcp", "[::1]:7"},
		{"tcp://[fe80::1%eth0]:7", "tcp", "[fe80::1%eth0]:7"},
		{"tcp://[fe80::1%25eth0]:7", "tcp", "[fe80::1%eth0]:7"}, // RFC 6874
		{"unix:///run/echo.sock", "unix", "/run/echo.sock"},
		{"unix:///a path/with ?#@", "unix", "/a path/with ?#@"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.url)
		if err != nil || got.Network != tt.network || got.Address != tt.addr {
			t.Errorf("%s: got %q %q, error %v; want %q %q", tt.url, got.Network, got.Address, err, tt.network, tt.addr)
		}
	}
}

func TestStringIsTheURL(t *testing.T) {
	for _, url := range []string{"tcp://127.0.0.1:7", "tls://[::1]:7", "udp://echo.example:7", "unix:///run/echo.sock"} {
		target, err := Parse(url)
		if err != nil || target.String() != url {
			t.Errorf("got %s, error %v, want %s", target, err, url)
		}
	}
}

func TestParseSaysWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	longest := len(syscall.RawSockaddrUnix{}.Path) - 1
	tooLong := "/" + strings.Repeat("x", longest)
	tests := []struct{ url, got, want string }{
		{"", "no scheme", wantTarget},
		{"127.0.0.1:7", "no scheme", wantTarget},
		{"tcp:127.0.0.1:7", "no scheme", wantTarget},
		{"tpc://127.0.0.1:7", `unknown scheme "tpc"`, "write tcp://"},
		{"gopher://127.0.0.1:7", `unknown scheme "gopher"`, wantTarget},
		{"TCP://127.0.0.1:7", `unknown scheme "TCP"`, "write tcp://"},
		{"tcp://127.0.0.1", "no port", "want tcp://host:port"},
		{"tls://:7", "no host", "want tls://host:port"},
		{"udp://127.0.0.1:", `bad port ""`, "want a number from 1 to 65535"},
		{"tcp://127.0.0.1:0", `bad port "0"`, "want a number from 1 to 65535"},
		{"tcp://127.0.0.1:65536", `bad port "65536"`, "want a number from 1 to 65535"},
		{"tcp://127.0.0.1:echo", `bad port "echo"`, "want a number from 1 to 65535"},
		{"tcp://fe80::1:7", "an IPv6 address without brackets", "want tcp://[address]:port"},
		{"tcp://127.0.0.1:7/", `unexpected "/"`, "want tcp://host:port"},
		{"tcp://me@127.0.0.1:7", `unexpected "@127.0.0.1:7"`, "want tcp://host:port"},
		{"udp://127.0.0.1:7?x=1", `unexpected "?x=1"`, "want udp://host:port"},
		{"unix://", "no path", "want unix:///path"},
		{"unix://run/echo.sock", "a relative path", "want unix:///path"},
		{"unix://" + tooLong, "a path of " + strconv.Itoa(longest+1) + " bytes", "the system allows " + strconv.Itoa(longest)},
	}
	for _, tt := range tests {
		target, err := Parse(tt.url)
		wrong, ok := errors.AsType[*URLError](err)
		if !ok {
			t.Errorf("%q: got %v and %v, want a *URLError", tt.url, target, err)
			continue
		}
		if got, want := wrong.Got, "bad address "+tt.url+": "+tt.got; got != want || wrong.Want != tt.want {
			t.Errorf("got  %s; %s\nwant %s; %s", got, wrong.Want, want, tt.want)
		}
	}
}
