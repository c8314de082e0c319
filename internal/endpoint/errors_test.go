package endpoint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/usage"
)

const (
	anyURL     = "want tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH"
	onlyEngine = "want ?engine=NAME or no question mark"
	clientPort = "want a number from 1 to 65535"
	serverPort = "want a number from 1 to 65535, or 0 for any free port"
	wantZone   = "want %25 and the name of an interface"
	wantIPv6   = "want an IPv6 address in brackets, e.g. [::1]"
	wantLabel  = "want 1 to 63 letters between dots"
)

// errorCase is an invalid URL, and the error after `invalid URL "…": `.
type errorCase struct{ url, got, want string }

func wantErrors(t *testing.T, parse func(string, ...string) (URL, error), networks []string, tests []errorCase) {
	t.Helper()
	for _, tt := range tests {
		u, err := parse(tt.url, networks...)
		bad, ok := errors.AsType[*usage.Error](err)
		if !ok || u != (URL{}) {
			t.Errorf("%q: got %+v, %v; want only a *usage.Error", tt.url, u, err)
			continue
		}
		got := fmt.Sprintf("invalid URL %q", tt.url)
		if tt.got != "" {
			got += ": " + tt.got
		}
		if diff := cmp.Diff(&usage.Error{Got: got, Want: tt.want}, bad); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestErrorsSayWhatIsWrongAndWhatIsValid(t *testing.T) {
	tests := []errorCase{
		{"", "", anyURL},
		{"localhost", "", anyURL},
		{"tcp:/localhost:8080", "", "want tcp://localhost:8080"},
		{"TLS:localhost:8080", "", "want tls://localhost:8080"},
		{"/run/echod.sock", "", "want unix:///run/echod.sock"},
		{"unix:/run/echod.sock", "", "want unix:///run/echod.sock"},
		{"unix:80", "", "want unix:///80"},
		{"unix:", "", anyURL},
		{"unix:/", "", anyURL},
		{"tcp:", "", anyURL},
		{"udp:localhost", "", anyURL},
		{"::1:8080", "an IPv6 address without brackets", "want tcp://[::1]:8080"},
		{"::1", "an IPv6 address without brackets", "want tcp://[ADDRESS]:PORT"},
		{"[::1]", "no port", "want tcp://[::1]:PORT"},
		{"localhost:", "no port", "want tcp://localhost:PORT"},
		{"localhost:80/echo", `a path ("/echo")`, "want tcp://localhost:80"},
		{"me@localhost:80", "a user (@)", "want tcp://HOST:PORT"},
		{"a b:80", `invalid host "a b"`, "want letters, digits, hyphens and dots"},
		{"tpc://:80", `unknown scheme "tpc"`, "want tcp://:80"},
		{"upd://a:80", `unknown scheme "upd"`, "want udp://a:80"},
		{"unx:///a", `unknown scheme "unx"`, "want unix:///a"},
		{"http://:80", `unknown scheme "http"`, anyURL},
		{"https://:443", `unknown scheme "https"`, anyURL},
		{"ssl://:443", `unknown scheme "ssl"`, anyURL},
		{"TCP4://:80", `unknown scheme "TCP4"`, "the address selects the family, e.g. tcp://0.0.0.0:PORT"},
		{"udp6://:80", `unknown scheme "udp6"`, "the address selects the family, e.g. udp://[::]:PORT"},
		{"unixgram:///a", `unknown scheme "unixgram"`, anyURL},
		{"quic://:80", `unknown scheme "quic"`, anyURL},
		{"://:80", `unknown scheme ""`, anyURL},
		{"tcp://localhost", "no port", "want tcp://localhost:PORT"},
		{"tcp://localhost:", "no port", "want tcp://localhost:PORT"},
		{"tcp://[::1]", "no port", "want tcp://[::1]:PORT"},
		{"tcp://[::1]:", "no port", "want tcp://[::1]:PORT"},
		{"tcp://::1:80", "an IPv6 address without brackets", "want tcp://[::1]:80"},
		{"tcp://1.2.3:80", `"1.2.3" is not an IPv4 address`, "want four numbers from 0 to 255"},
		{"tcp://1.2.3.256:80", `"1.2.3.256" is not an IPv4 address`, "want four numbers from 0 to 255"},
		{"tcp://[1.2.3.4]:80", `"1.2.3.4" is not an IPv6 address`, wantIPv6},
		{"tcp://[::x]:80", `"::x" is not an IPv6 address`, wantIPv6},
		{"tcp://[fe80::1%]:80", `"fe80::1%" is not an IPv6 address`, wantIPv6},
		{"tcp://[fe80::1%25%zz]:80", `invalid zone "%zz"`, wantZone},
		{"tcp://[fe80::1%25a%20b]:80", `invalid zone "a b"`, wantZone},
		{"tcp://[fe80::1%25a%2Fb]:80", `invalid zone "a/b"`, wantZone},
		{"tcp://[fe80::1%25%00]:80", `invalid zone "\x00"`, wantZone},
		{"tcp://[::ffff:1.2.3.4%25eth0]:80", "an IPv4 address with a zone", "omit the zone"},
		{"tcp://[::1:80", "an unclosed bracket", "want [ADDRESS]:PORT"},
		{"tcp://[::1]x:80", "an unclosed bracket", "want [ADDRESS]:PORT"},
		{"tcp://a b:80", `invalid host "a b"`, "want letters, digits, hyphens and dots"},
		{"tcp://a..b:80", `the host "a..b" has a part of 0 letters`, wantLabel},
		{"tcp://a..:80", `the host "a.." has a part of 0 letters`, wantLabel},
		{"tcp://" + strings.Repeat("a.", 126) + "bc:80", "the host has 254 letters", "want at most 253"},
		{"tcp://" + strings.Repeat("l", 64) + ":80", `the host "` + strings.Repeat("l", 64) + `" has a part of 64 letters`, wantLabel},
		{"tcp://me:pw@host:80", "a user (@)", "want tcp://HOST:PORT"},
		{"tcp://a:80/echo", `a path ("/echo")`, "want tcp://a:80"},
		{"tcp://a:80#top", "a fragment (#)", "omit it, or write %23 for a # in a path"},
		{"unix:///a#top", "a fragment (#)", "omit it, or write %23 for a # in a path"},
		{"unix://", "no path", "want unix:///PATH"},
		{"unix://run/a%20b", `relative path "run/a b"`, "want an absolute path, e.g. unix:///run/a%20b"},
		{"unix://@echod", "abstract sockets are not supported, because no file mode protects them", "want unix:///PATH"},
		{"unix:///run/", "the path is a directory", "want the path of a socket in it"},
		{"unix:///", "the path is a directory", "want the path of a socket in it"},
		{"unix:///a%00b", "a NUL byte in the path", "want a path without it"},
		{"unix:///a%2", `invalid escape "%2"`, "write %25 for a percent sign"},
	}
	wantErrors(t, Parse, nil, tests)
	wantErrors(t, ParseListener, nil, tests)
}

func TestErrorsOfServices(t *testing.T) {
	wantErrors(t, Parse, nil, []errorCase{
		{"8080", "", "want tcp://localhost:8080"},
		{"tcp:8080", "", "want tcp://localhost:8080"},
		{":8080", "no host", "want tcp://localhost:8080"},
		{":", "no port", "want tcp://HOST:PORT"},
		{"localhost:0", `invalid port "0"`, clientPort},
		{"localhost:80?engine=net", `unexpected "?engine=net"`, "want tcp://HOST:PORT"},
		{"tcp://", "no port", "want tcp://HOST:PORT"},
		{"tls://:", "no port", "want tls://HOST:PORT"},
		{"tls://:7", "no host", "want tls://localhost:7"},
		{"tcp://*:7", `invalid host "*"`, "want letters, digits, hyphens and dots"},
		{"udp://a:0", `invalid port "0"`, clientPort},
		{"udp://a:65536", `invalid port "65536"`, clientPort},
		{"udp://a:-1", `invalid port "-1"`, clientPort},
		{"udp://a:echo", `invalid port "echo"`, clientPort},
		{"udp://a:7?engine=net", `unexpected "?engine=net"`, "want udp://HOST:PORT"},
		{"unix:///a?b", `unexpected "?b"`, "omit it, or write %3F for a ? in a path"},
	})
}

func TestErrorsOfListeners(t *testing.T) {
	wantErrors(t, ParseListener, nil, []errorCase{
		{"8080", "", "want tcp://:8080"},
		{"tcp:8080", "", "want tcp://:8080"},
		{":", "no port", "want tcp://:PORT"},
		{"tcp://", "no port", "want tcp://:PORT"},
		{"tcp://*:80", "* is not a host", "want tcp://:80 for every address"},
		{"tcp://:65536", `invalid port "65536"`, serverPort},
		{"tcp://:99999999999999999999", `invalid port "99999999999999999999"`, serverPort},
		{"tcp://:+1", `invalid port "+1"`, serverPort},
		{"tcp://:http", `invalid port "http"`, serverPort},
		{"tcp://:80?", "an empty query", onlyEngine},
		{"tcp://:80?engin=net", `unknown parameter "engin"`, onlyEngine},
		{"tcp://:80?engine=", "an empty name of an engine", onlyEngine},
		{"tcp://:80?engine=a&engine=b", "2 engines", "want ?engine=NAME once"},
		{"tcp://:80?%zz", `invalid query "%zz"`, onlyEngine},
	})
}

func TestErrorsListOnlyNetworksThatAreValid(t *testing.T) {
	for _, parse := range []func(string, ...string) (URL, error){Parse, ParseListener} {
		const wantTCP, wantUDP, wantStream = "want tcp://HOST:PORT", "want udp://HOST:PORT", "want tcp://HOST:PORT or unix:///PATH"
		wantErrors(t, parse, []string{"tcp"}, []errorCase{
			{"localhost", "", wantTCP},
			{"/run/echo", "", wantTCP},
			{"udp:7", "", wantTCP},
			{"unix:///a", "", wantTCP},
			{"udp://localhost:7", "", wantTCP},
			{"http://localhost:7", `unknown scheme "http"`, wantTCP},
			{"upd://localhost:7", `unknown scheme "upd"`, wantTCP},
			{"udp4://localhost:7", `unknown scheme "udp4"`, wantTCP},
			{"tpc://localhost:7", `unknown scheme "tpc"`, "want tcp://localhost:7"},
		})
		wantErrors(t, parse, []string{"udp"}, []errorCase{
			{"localhost:7", "", wantUDP},
			{"7", "", wantUDP},
			{"tcp://localhost:7", "", wantUDP},
			{"udp:localhost:7", "", "want udp://localhost:7"},
		})
		wantErrors(t, parse, []string{"tcp", "unix"}, []errorCase{
			{"localhost", "", wantStream},
			{"udp://localhost:7", "", wantStream},
		})
	}
	for network, url := range map[string]string{"tcp": "localhost:7", "udp": "udp://localhost:7"} {
		if u, err := Parse(url, network); err != nil || u.Network != network {
			t.Errorf("%s: got %+v, %v; want it read as %s", url, u, err, network)
		}
	}
}

func TestPathOfASocketHasAMaximum(t *testing.T) {
	_, err := Parse("unix:///" + strings.Repeat("x", MaxPath))
	want := usage.New(`invalid URL "unix:///`+strings.Repeat("x", MaxPath)+`": the path has 108 bytes`, "want at most 107")
	if MaxPath != 107 {
		t.Skipf("a path may have %d bytes here", MaxPath)
	}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestErrorIsOneLine(t *testing.T) {
	for url, want := range map[string]string{
		"tcp://a\nb": `invalid URL "tcp://a\nb": no port: want tcp://a\nb:PORT`,
		"":           `invalid URL "": ` + anyURL,
	} {
		if _, err := Parse(url); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
