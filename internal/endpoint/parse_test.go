package endpoint

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/usage"
)

func parseService(text string) (URL, error)  { return Parse(text) }
func parseListener(text string) (URL, error) { return ParseListener(text) }

func TestParseReadsURLs(t *testing.T) {
	long := "/" + strings.Repeat("x", MaxPath-1)
	label, part := strings.Repeat("l", 63), strings.Repeat("a.", 126)
	tests := []struct {
		url  string
		want URL
	}{
		{"tcp://127.0.0.1:1", URL{Network: "tcp", Host: "127.0.0.1", Port: 1}},
		{"TCP://echo.example:65535", URL{Network: "tcp", Host: "echo.example", Port: 65535}},
		{"Tls://localhost:08443", URL{Network: "tls", Host: "localhost", Port: 8443}},
		{"udp://my_host-2.example.:80", URL{Network: "udp", Host: "my_host-2.example.", Port: 80}},
		{"tcp://" + label + ":80", URL{Network: "tcp", Host: label, Port: 80}},
		{"tcp://" + part + "b:80", URL{Network: "tcp", Host: part + "b", Port: 80}},
		{"tcp://[::1]:80", URL{Network: "tcp", Host: "::1", Port: 80}},
		{"tcp://[0:0::1]:80", URL{Network: "tcp", Host: "::1", Port: 80}},
		{"tcp://[::ffff:1.2.3.4]:80", URL{Network: "tcp", Host: "::ffff:1.2.3.4", Port: 80}},
		{"udp://[fe80::1%25eth0]:80", URL{Network: "udp", Host: "fe80::1%eth0", Port: 80}},
		{"udp://[fe80::1%eth0]:80", URL{Network: "udp", Host: "fe80::1%eth0", Port: 80}},
		{"udp://[fe80::1%25]:80", URL{Network: "udp", Host: "fe80::1%25", Port: 80}},
		{"udp://[fe80::1%2525]:80", URL{Network: "udp", Host: "fe80::1%25", Port: 80}},
		{"udp://[fe80::1%25a%40b]:80", URL{Network: "udp", Host: "fe80::1%a@b", Port: 80}},
		{"udp://[fe80::1%a%62]:80", URL{Network: "udp", Host: "fe80::1%a%62", Port: 80}},
		{"unix:///run/echo.sock", URL{Network: "unix", Path: "/run/echo.sock"}},
		{"UNIX:///a%20b%3F%23%25@%0A", URL{Network: "unix", Path: "/a b?#%@\n"}},
		{"unix:///a bä%C3%A4", URL{Network: "unix", Path: "/a bää"}},
		{"unix://" + long, URL{Network: "unix", Path: long}},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			for name, parse := range map[string]func(string) (URL, error){"client": parseService, "listener": parseListener} {
				got, err := parse(tt.url)
				if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
					t.Errorf("%s: got %v (-want +got)\n%s", name, err, diff)
				}
				again, err := parse(got.String())
				if err != nil || again != got {
					t.Errorf("%s: %s is read back as %+v, %v; want %+v", name, got, again, err, got)
				}
			}
		})
	}
}

func TestParseListenerReadsWhatIsValidOnlyForListeners(t *testing.T) {
	tests := []struct {
		url  string
		want URL
	}{
		{"tcp://:8080", URL{Network: "tcp", Port: 8080}},
		{"tcp://:0", URL{Network: "tcp"}},
		{"udp://localhost:0", URL{Network: "udp", Host: "localhost"}},
		{"tcp://:80?engine=select", URL{Network: "tcp", Port: 80, Engine: "select"}},
		{"unix:///a?engine=a%26b", URL{Network: "unix", Path: "/a", Engine: "a&b"}},
	}
	for _, tt := range tests {
		got, err := ParseListener(tt.url)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: got %v (-want +got)\n%s", tt.url, err, diff)
		}
		if again, err := ParseListener(got.String()); err != nil || again != got {
			t.Errorf("%s is read back as %+v, %v; want %+v", got, again, err, got)
		}
		if got, err := Parse(tt.url); err == nil || got != (URL{}) {
			t.Errorf("%s: a client gets %+v, %v; want an error", tt.url, got, err)
		}
	}
}

func TestBareHostAndPortMeanTCP(t *testing.T) {
	tests := []struct {
		text, client, listener string // the canonical URLs, or "" for an error
	}{
		{"localhost:8080", "tcp://localhost:8080", "tcp://localhost:8080"},
		{"127.0.0.1:7", "tcp://127.0.0.1:7", "tcp://127.0.0.1:7"},
		{"[::1]:7", "tcp://[::1]:7", "tcp://[::1]:7"},
		{"[fe80::1%25eth0]:7", "tcp://[fe80::1%25eth0]:7", "tcp://[fe80::1%25eth0]:7"},
		{":7007", "", "tcp://:7007"},
		{":0", "", "tcp://:0"},
		{"localhost:0", "", "tcp://localhost:0"},
		{":7007?engine=net", "", "tcp://:7007?engine=net"},
		{"tcp:7", "", ""},
		{"8080", "", ""},
	}
	for _, tt := range tests {
		for want, parse := range map[*string]func(string) (URL, error){&tt.client: parseService, &tt.listener: parseListener} {
			u, err := parse(tt.text)
			if *want == "" && err == nil || *want != "" && (err != nil || u.String() != *want) {
				t.Errorf("%s: got %s, %v; want %q", tt.text, u, err, *want)
			}
		}
	}
}

func TestParseDNSReadsNamesThatMeanEveryAddress(t *testing.T) {
	for _, tt := range []struct {
		url, want string
		every     bool
	}{
		{"tcp://a:7", "tcp://a:7", false},
		{"a:7", "tcp://a:7", false},
		{"dns+a:7", "tcp://a:7", true},
		{"dns+udp://a:7", "udp://a:7", true},
		{"dns+TLS://a:7", "tls://a:7", true},
		{"unix:///a", "unix:///a", false},
	} {
		u, every, err := ParseDNS(tt.url)
		if err != nil || u.String() != tt.want || every != tt.every {
			t.Errorf("%s: got %s, %v, %v; want %s, %v", tt.url, u, every, err, tt.want, tt.every)
		}
	}
	const anyDNS = "want [dns+]tcp://HOST:PORT, [dns+]tls://HOST:PORT, [dns+]udp://HOST:PORT or unix:///PATH"
	for url, want := range map[string]string{
		"dns+unix:///a":  "a path has no addresses to look up: want unix:///a",
		"dns+tcp://a":    "no port: want dns+tcp://a:PORT",
		"dns+tcp://a:0":  `invalid port "0": want a number from 1 to 65535`,
		"dns+tpc://a:1":  `unknown scheme "tpc": want dns+tcp://a:1`,
		"dns+":           anyDNS,
		"a":              anyDNS,
		"dns+dns+udp://": `unknown scheme "dns+udp": ` + anyDNS,
	} {
		u, every, err := ParseDNS(url)
		if want := fmt.Sprintf("invalid URL %q: %s", url, want); err == nil || err.Error() != want || every || u != (URL{}) {
			t.Errorf("%s: got %+v, %v, %v; want %s", url, u, every, err, want)
		}
	}
	for _, url := range []string{"dns+tcp://a:7", "dns+", "dns+a:7"} {
		if _, err := Parse(url); err == nil {
			t.Errorf("%s: Parse accepts it, want an error", url)
		}
	}
}

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

func TestURLHasTheAddressToDial(t *testing.T) {
	tests := []struct{ url, address, transport, ip string }{
		{"tcp://a:7", "a:7", "tcp", "invalid IP"},
		{"tls://127.0.0.1:7", "127.0.0.1:7", "tcp", "127.0.0.1"},
		{"udp://[::ffff:1.2.3.4]:7", "[::ffff:1.2.3.4]:7", "udp", "1.2.3.4"},
		{"udp://[fe80::1%25eth0]:7", "[fe80::1%eth0]:7", "udp", "fe80::1%eth0"},
		{"unix:///a%20b", "/a b", "unix", "invalid IP"},
	}
	for _, tt := range tests {
		u, err := Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if u.Address() != tt.address || u.Transport() != tt.transport || u.IP().String() != tt.ip {
			t.Errorf("%s: got %s, %s, %s; want %s, %s, %s", tt.url, u.Address(), u.Transport(), u.IP(), tt.address, tt.transport, tt.ip)
		}
		if got := Format(u.Network, u.Address()); got != u.String() {
			t.Errorf("formatted from the address to dial: got %s, want %s", got, u)
		}
	}
	for _, address := range []string{"localhost", "a:b:c"} {
		if got, want := Format("tcp", address), "tcp://"+address; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzParse compares both parsers: the canonical text of a valid URL is parsed to the
// same URL, and the URL that a listener logs means the same to a client.
func FuzzParse(f *testing.F) {
	for _, url := range []string{
		"tcp://:8080", "tls://:8443", "udp://[fe80::1%25eth0]:0?engine=net", "unix:///a%20b", "unix://x", "tcp://1.2.3.4:x",
		"UNIX:///%23%3F%0A%25ä", "udp://[fe80::1%2525]:7", "tcp://[::ffff:1.2.3.4]:1", "dns+tcp://a:7", "unix:///a?b", "localhost:7", ":7?engine=net", "[::1]:7",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		listener, err := ParseListener(url)
		wantOneLine(t, url, err)
		client, clientErr := Parse(url)
		wantOneLine(t, url, clientErr)
		if clientErr == nil && (err != nil || client != listener) {
			t.Fatalf("%q: a client reads %+v, a listener %+v, %v", url, client, listener, err)
		}
		if err != nil {
			return
		}
		if again, err := ParseListener(listener.String()); err != nil || again != listener {
			t.Fatalf("%q became %s, which is read as %+v, %v; want %+v", url, listener, again, err, listener)
		}
		bound := listener // as it is logged
		bound.Engine = ""
		if bound.Network != "unix" {
			bound.Port = max(bound.Port, 1)
			if bound.Host == "" {
				bound.Host = netip.IPv6Unspecified().String()
			}
		}
		if got, err := Parse(bound.String()); err != nil || got != bound {
			t.Fatalf("%q is logged as %s, which a client reads as %+v, %v; want %+v", url, bound, got, err, bound)
		}
	})
}

func wantOneLine(t *testing.T, url string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*usage.Error](err); err != nil && (!ok || strings.ContainsAny(err.Error(), "\n\r")) {
		t.Fatalf("%q: got %q, want a *usage.Error of one line", url, err)
	}
}
