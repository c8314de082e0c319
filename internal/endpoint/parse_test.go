package endpoint

import (
	"echod/internal/usage"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
			for name, parse := range map[string]func(string) (URL, error){"client": Parse, "listener": ParseListener} {
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

func TestParseListenerReadsWhatOnlyListenersHave(t *testing.T) {
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

func TestParseAllReadsNamesThatMeanEveryAddress(t *testing.T) {
	for _, tt := range []struct {
		url, want string
		all       bool
	}{{"tcp://a:7", "tcp://a:7", false}, {"dns+udp://a:7", "udp://a:7", true}, {"dns+TLS://a:7", "tls://a:7", true}, {"unix:///a", "unix:///a", false}} {
		u, all, err := ParseAll(tt.url)
		if err != nil || u.String() != tt.want || all != tt.all {
			t.Errorf("%s: got %s, %v, %v; want %s, %v", tt.url, u, all, err, tt.want, tt.all)
		}
	}
	for url, want := range map[string]string{
		"dns+unix:///a":  "bad address dns+unix:///a: a path has no addresses to look up: write unix:///a",
		"dns+tcp://a":    "bad address dns+tcp://a: no port: write tcp://a:PORT",
		"dns+tcp://a:0":  `bad address dns+tcp://a:0: bad port "0": want a number from 1 to 65535`,
		"dns+":           "bad address dns+: no URL: write tcp://localhost:8080",
		"dns+dns+udp://": `bad address dns+dns+udp://: unknown scheme "dns+udp": want tcp://, tls://, udp:// or unix://`,
	} {
		u, all, err := ParseAll(url)
		if err == nil || err.Error() != want || all || u != (URL{}) {
			t.Errorf("%s: got %+v, %v, %v; want %s", url, u, all, err, want)
		}
	}
	for _, url := range []string{"dns+tcp://a:7", "dns+"} {
		if _, err := Parse(url); err == nil {
			t.Errorf("%s: Parse takes it, want an error", url)
		}
	}
}

const (
	anyURL   = "want tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH"
	engines  = "the only setting is ?engine=NAME"
	somePath = "write unix:///path/to/socket"
	toPort   = "want a number from 1 to 65535"
	fromZero = "want a number from 0 to 65535, where 0 takes a free one"
	noZone   = "write %25 and the name of an interface"
	only6    = "only IPv6 addresses stand in brackets, e.g. [::1]"
)

// errorCase is a URL and what is said of it.
type errorCase struct{ url, got, want string }

func wantErrors(t *testing.T, parse func(string) (URL, error), tests []errorCase) {
	t.Helper()
	for _, tt := range tests {
		u, err := parse(tt.url)
		bad, ok := errors.AsType[*usage.Error](err)
		if !ok || u != (URL{}) {
			t.Errorf("%q: got %+v, %v; want a *usage.Error alone", tt.url, u, err)
			continue
		}
		if diff := cmp.Diff(BadURL(tt.url, tt.got, tt.want), error(bad)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestBothParsersSayWhatIsWrongAndWhatIsRight(t *testing.T) {
	tests := []errorCase{
		{"localhost:8080", "no scheme", "write tcp://localhost:8080"},
		{"tcp:/localhost:8080", "no scheme", "write tcp://localhost:8080"},
		{"::1:8080", "no scheme", "write tcp://::1:8080"},
		{"/run/echod.sock", "no scheme", "write unix:///run/echod.sock"},
		{"unix:/run/echod.sock", "no scheme", "write unix:///run/echod.sock"},
		{"unix:80", "no scheme", "write unix:///80"},
		{"unix:", "no scheme", anyURL},
		{"unix:/", "no scheme", anyURL},
		{"localhost", "no scheme", anyURL},
		{":", "no scheme", "write tcp://:"},
		{"tcp:", "no scheme", anyURL},
		{"tpc://:80", `unknown scheme "tpc"`, "write tcp://"},
		{"upd://:80", `unknown scheme "upd"`, "write udp://"},
		{"unx:///a", `unknown scheme "unx"`, "write unix://"},
		{"http://:80", `unknown scheme "http"`, "echod speaks plain tcp://, udp:// and unix://"},
		{"ws://:80", `unknown scheme "ws"`, "echod speaks plain tcp://, udp:// and unix://"},
		{"https://:443", `unknown scheme "https"`, "echod speaks plain bytes over tls://"},
		{"TCP4://:80", `unknown scheme "TCP4"`, "the address tells the family, e.g. tcp://0.0.0.0:PORT"},
		{"udp6://:80", `unknown scheme "udp6"`, "the address tells the family, e.g. udp://[::]:PORT"},
		{"unixgram:///a", `unknown scheme "unixgram"`, "write unix:///PATH"},
		{"quic://:80", `unknown scheme "quic"`, "want tcp://, tls://, udp:// or unix://"},
		{"://:80", `unknown scheme ""`, "want tcp://, tls://, udp:// or unix://"},
		{"tcp://localhost", "no port", "write tcp://localhost:PORT"},
		{"tcp://localhost:", "no port", "write tcp://localhost:PORT"},
		{"tcp://[::1]", "no port", "write tcp://[::1]:PORT"},
		{"tcp://[::1]:", "no port", "write tcp://[::1]:PORT"},
		{"tcp://::1:80", "an IPv6 address without brackets", "write tcp://[::1]:80"},
		{"tcp://1.2.3:80", `"1.2.3" is not an IPv4 address`, "write four numbers from 0 to 255"},
		{"tcp://1.2.3.256:80", `"1.2.3.256" is not an IPv4 address`, "write four numbers from 0 to 255"},
		{"tcp://[1.2.3.4]:80", `"1.2.3.4" is not an IPv6 address`, only6},
		{"tcp://[::x]:80", `"::x" is not an IPv6 address`, only6},
		{"tcp://[fe80::1%]:80", `"fe80::1%" is not an IPv6 address`, only6},
		{"tcp://[fe80::1%25%zz]:80", `bad zone "%zz"`, noZone},
		{"tcp://[fe80::1%25a%20b]:80", `bad zone "a b"`, noZone},
		{"tcp://[fe80::1%25a%2Fb]:80", `bad zone "a/b"`, noZone},
		{"tcp://[fe80::1%25%00]:80", `bad zone "\x00"`, noZone},
		{"tcp://[::ffff:1.2.3.4%25eth0]:80", "an IPv4 address with a zone", "omit the zone"},
		{"tcp://[::1:80", "the bracket is not closed", "write [ADDRESS]:PORT"},
		{"tcp://[::1]x:80", "the bracket is not closed", "write [ADDRESS]:PORT"},
		{"tcp://a b:80", `bad host "a b"`, "a host has letters, digits, hyphens and dots"},
		{"tcp://a..b:80", `the host "a..b" has a part of 0`, "each part of a name has 1 to 63 letters"},
		{"tcp://a..:80", `the host "a.." has a part of 0`, "each part of a name has 1 to 63 letters"},
		{"tcp://" + strings.Repeat("a.", 126) + "bc:80", "the host has 254 letters", "a name has at most 253"},
		{"tcp://" + strings.Repeat("l", 64) + ":80", `the host "` + strings.Repeat("l", 64) + `" has a part of 64`, "each part of a name has 1 to 63 letters"},
		{"tcp://me:pw@host:80", "a user (@), which tcp does not have", "want tcp://HOST:PORT"},
		{"tcp://a:80/echo", "a path (/echo), which tcp does not have", "write tcp://a:80"},
		{"tcp://a:80#top", "a fragment (#)", "omit it, or write %23 for a # in a path"},
		{"unix:///a#top", "a fragment (#)", "omit it, or write %23 for a # in a path"},
		{"unix://", "no path", somePath},
		{"unix://run/a%20b", `a relative path "run/a b"`, "write unix:///run/a%20b with the path from the root"},
		{"unix://@echod", "an abstract socket, which has no file whose mode could guard it", somePath},
		{"unix:///run/", "the path is a directory", "name the socket in it"},
		{"unix:///", "the path is a directory", "name the socket in it"},
		{"unix:///a%00b", "a NUL byte in the path", "a path has none"},
		{"unix:///a%2", `invalid escape "%2"`, "write %25 for a percent sign"},
	}
	wantErrors(t, Parse, tests)
	wantErrors(t, ParseListener, tests)
}

func TestParseSaysWhatIsWrongForClients(t *testing.T) {
	wantErrors(t, Parse, []errorCase{
		{"", "no URL", "write tcp://localhost:8080"},
		{"8080", "no scheme", "write tcp://localhost:8080"},
		{":8080", "no scheme", "write tcp://localhost:8080"},
		{"tcp:8080", "no scheme", "write tcp://localhost:8080"},
		{"tcp://", "no port", "write tcp://HOST:PORT"},
		{"tls://:", "no port", "write tls://HOST:PORT"},
		{"tls://:7", "no host", "write tls://localhost:7"},
		{"tcp://*:7", `bad host "*"`, "a host has letters, digits, hyphens and dots"},
		{"udp://a:0", `bad port "0"`, toPort},
		{"udp://a:65536", `bad port "65536"`, toPort},
		{"udp://a:-1", `bad port "-1"`, toPort},
		{"udp://a:echo", `bad port "echo"`, toPort},
		{"udp://a:7?engine=net", `unexpected "?engine=net"`, "want udp://HOST:PORT"},
		{"unix:///a?b", `unexpected "?b"`, "omit it, or write %3F for a ? in a path"},
	})
}

func TestParseListenerSaysWhatIsWrongForListeners(t *testing.T) {
	wantErrors(t, ParseListener, []errorCase{
		{"", "no URL", "write tcp://:8080"},
		{"8080", "no scheme", "write tcp://:8080"},
		{":8080", "no scheme", "write tcp://:8080"},
		{"tcp:8080", "no scheme", "write tcp://:8080"},
		{"tcp://", "no port", "write tcp://:PORT"},
		{"tcp://*:80", "* is not a host", "write tcp://:80 for every address"},
		{"tcp://:65536", `bad port "65536"`, fromZero},
		{"tcp://:99999999999999999999", `bad port "99999999999999999999"`, fromZero},
		{"tcp://:+1", `bad port "+1"`, fromZero},
		{"tcp://:http", `bad port "http"`, fromZero},
		{"tcp://:80?", "nothing follows the question mark", engines},
		{"tcp://:80?engin=net", `unknown setting "engin"`, engines},
		{"tcp://:80?engine=", "the engine has no name", engines},
		{"tcp://:80?engine=a&engine=b", "it names 2 engines", "name one"},
		{"tcp://:80?%zz", `invalid settings "%zz"`, engines},
	})
}

func TestPathOfASocketHasAnEnd(t *testing.T) {
	_, err := Parse("unix:///" + strings.Repeat("x", MaxPath))
	want := BadURL("unix:///"+strings.Repeat("x", MaxPath), "the path has 108 bytes", "a unix socket's may have 107")
	if MaxPath != 107 {
		t.Skipf("a path may have %d bytes here", MaxPath)
	}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestErrorIsOneLine(t *testing.T) {
	for url, want := range map[string]string{
		"tcp://a\nb": `bad address tcp://a\nb: no port: write tcp://a\nb:PORT`,
		"":           `bad address "": no URL: write tcp://localhost:8080`,
	} {
		if _, err := Parse(url); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestURLSaysWhatToDial(t *testing.T) {
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
			t.Errorf("formatted from what is dialled: got %s, want %s", got, u)
		}
	}
	for _, address := range []string{"localhost", "a:b:c"} {
		if got, want := Format("tcp", address), "tcp://"+address; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzParse holds both parsers to one another: an accepted URL is read back from
// its canonical text as the same, and what a listener logs means the same to a
// client.
func FuzzParse(f *testing.F) {
	for _, url := range []string{
		"tcp://:8080", "tls://:8443", "udp://[fe80::1%25eth0]:0?engine=net", "unix:///a%20b", "unix://x", "tcp://1.2.3.4:x",
		"UNIX:///%23%3F%0A%25ä", "udp://[fe80::1%2525]:7", "tcp://[::ffff:1.2.3.4]:1", "dns+tcp://a:7", "unix:///a?b",
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
