package sock

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func port(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, n) }

var compareAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestParseReadsURL(t *testing.T) {
	long := "/" + strings.Repeat("x", maxPath-1)
	tests := []struct {
		url  string
		want Spec
	}{
		{"tcp://:8080", Spec{Network: "tcp", Addr: port(8080)}},
		{"tcp://:0", Spec{Network: "tcp", Addr: port(0)}},
		{"TCP://:65535", Spec{Network: "tcp", Addr: port(65535)}},
		{"tls://localhost:8443", Spec{Network: "tls", Host: "localhost", Addr: port(8443)}},
		{"udp://127.0.0.1:7", Spec{Network: "udp", Host: "127.0.0.1", Addr: port(7)}},
		{"tcp://localhost:80", Spec{Network: "tcp", Host: "localhost", Addr: port(80)}},
		{"tcp://my_host.example.:80", Spec{Network: "tcp", Host: "my_host.example.", Addr: port(80)}},
		{"tcp://[::1]:80", Spec{Network: "tcp", Host: "::1", Addr: port(80)}},
		{"tcp://[0:0::1]:80", Spec{Network: "tcp", Host: "::1", Addr: port(80)}},
		{"tcp://[::ffff:1.2.3.4]:80", Spec{Network: "tcp", Host: "::ffff:1.2.3.4", Addr: port(80)}},
		{"udp://[fe80::1%25eth0]:80", Spec{Network: "udp", Host: "fe80::1%eth0", Addr: port(80)}},
		{"udp://[fe80::1%eth0]:80", Spec{Network: "udp", Host: "fe80::1%eth0", Addr: port(80)}},
		{"tcp://:80?engine=select", Spec{Network: "tcp", Addr: port(80), Engine: "select"}},
		{"unix:///run/echod.sock", Spec{Network: "unix", Path: "/run/echod.sock"}},
		{"unix:///a%20b%3F%23", Spec{Network: "unix", Path: "/a b?#"}},
		{"unix:///a?engine=net", Spec{Network: "unix", Path: "/a", Engine: "net"}},
		{"unix://" + long, Spec{Network: "unix", Path: long}},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			got, err := Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("Parse(%q) (-want +got)\n%s", tt.url, diff)
			}
		})
	}
}

func TestParseSaysWhatIsWrongAndWhatIsRight(t *testing.T) {
	tests := []struct {
		url       string
		got, want string
	}{
		{"", "it is empty", "write tcp://:8080"},
		{"8080", "it has no scheme", "write tcp://:8080"},
		{":8080", "it has no scheme", "write tcp://:8080"},
		{"localhost:8080", "it has no scheme", "write tcp://localhost:8080"},
		{"tcp:8080", "it has no scheme", "write tcp://:8080"},
		{"tcp:/localhost:8080", "it has no scheme", "write tcp://localhost:8080"},
		{"/run/echod.sock", "it has no scheme", "write unix:///run/echod.sock"},
		{"unix:/run/echod.sock", "it has no scheme", "write unix:///run/echod.sock"},
		{"localhost", "it has no scheme", "write tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH"},
		{"tpc://:80", `unknown scheme "tpc"`, "write tcp://"},
		{"upd://:80", `unknown scheme "upd"`, "write udp://"},
		{"unx:///a", `unknown scheme "unx"`, "write unix://"},
		{"http://:80", `unknown scheme "http"`, "echod serves plain tcp://, udp:// and unix://"},
		{"https://:443", `unknown scheme "https"`, "echod serves plain bytes over tls://"},
		{"tcp4://:80", `unknown scheme "tcp4"`, "the address tells the family: tcp://0.0.0.0:PORT"},
		{"udp6://:80", `unknown scheme "udp6"`, "the address tells the family: udp://[::]:PORT"},
		{"unixgram:///a", `unknown scheme "unixgram"`, "write unix:///PATH"},
		{"quic://:80", `unknown scheme "quic"`, "write tcp://, tls://, udp:// or unix://"},
		{"://:80", `unknown scheme ""`, "write tcp://, tls://, udp:// or unix://"},
		{"tcp://", "it has no port", "write tcp://:8080"},
		{"tcp://localhost", "it has no port", "write tcp://localhost:8080"},
		{"tcp://localhost:", "it has no port", "write tcp://localhost:8080"},
		{"tcp://[::1]", "it has no port", "write tcp://[::1]:8080"},
		{"tcp://:65536", "the port 65536 is out of range", "ports are 0 to 65535, and 0 takes a free one"},
		{"tcp://:99999999999999999999", "the port 99999999999999999999 is out of range", "ports are 0 to 65535, and 0 takes a free one"},
		{"tcp://:-1", `the port "-1" is no number`, "ports are 0 to 65535, and 0 takes a free one"},
		{"tcp://:http", `the port "http" is no number`, "ports are 0 to 65535, and 0 takes a free one"},
		{"tcp://*:80", "* is no host", "write tcp://:80 for every address"},
		{"tcp://::1:80", "an IPv6 address must stand in brackets", "write tcp://[::1]:80"},
		{"tcp://1.2.3:80", `"1.2.3" is no IPv4 address`, "write four numbers from 0 to 255"},
		{"tcp://1.2.3.256:80", `"1.2.3.256" is no IPv4 address`, "write four numbers from 0 to 255"},
		{"tcp://[1.2.3.4]:80", `"1.2.3.4" is no IPv6 address`, "only IPv6 addresses stand in brackets, as in [::1]"},
		{"tcp://[::1:80", "the bracket is not closed", "write [ADDRESS]:PORT"},
		{"tcp://[::1]x:80", "the bracket is not closed", "write [ADDRESS]:PORT"},
		{"tcp://a b:80", `the host "a b" holds others`, "hosts are letters, digits, hyphens and dots"},
		{"tcp://a..b:80", `the host "a..b" has a part of 0`, "each part of a name has 1 to 63 letters"},
		{"tcp://" + strings.Repeat("a.", 130) + "b:80", "the host has 261 letters", "names have at most 253"},
		{"tcp://me:pw@host:80", "it holds a user (@)", "an echo asks for no name"},
		{"tcp://:80/echo", "a path (/echo) means nothing to tcp", "write tcp://:80"},
		{"tcp://:80#top", "it has a fragment (#)", "leave it away, or write %23 for a # in a path"},
		{"tcp://:80?", "nothing follows the question mark", "the only setting is ?engine=NAME"},
		{"tcp://:80?engin=net", `unknown setting "engin"`, "the only setting is ?engine=NAME"},
		{"tcp://:80?engine=", "the engine has no name", "the only setting is ?engine=NAME"},
		{"tcp://:80?engine=a&engine=b", "it names 2 engines", "name one"},
		{"tcp://:80?%zz", `its settings "%zz" cannot be read`, "the only setting is ?engine=NAME"},
		{"unix://", "it has no path", "write unix:///path/to/socket"},
		{"unix://run/echod.sock", `the path "run/echod.sock" is relative`, "write unix:///run/echod.sock with the path from the root"},
		{"unix://@echod", "abstract sockets have no file whose mode could guard them", "write unix:///path/to/socket"},
		{"unix:///run/", "the path is a directory", "name the socket in it"},
		{"unix:///a%00b", "the path holds a NUL byte", "paths have none"},
		{"unix:///a%2", `"%2"`, "write %25 for a percent sign"},
		{"unix:///" + strings.Repeat("x", 107), "the path has 108 bytes", "a unix socket's may have 107"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, err := Parse(tt.url)
			bad, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("Parse(%q): got %v, want an *Error", tt.url, err)
			}
			if diff := cmp.Diff(&Error{URL: tt.url, Got: tt.got, Want: tt.want}, bad); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestErrorIsOneLine(t *testing.T) {
	_, err := Parse("tcp://a\nb")
	const want = `bad address tcp://a\nb: it has no port; write tcp://a\nb:8080`
	if got := err.Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, url := range []string{
		"tcp://:8080", "tls://:8443", "udp://[fe80::1%25eth0]:0?engine=net", "unix:///a%20b", "unix://x", "tcp://1.2.3.4:x",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		s, err := Parse(url)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("Parse(%q): got %q, want an *Error of one line", url, err)
			}
			if s != (Spec{}) {
				t.Fatalf("Parse(%q): got %+v with an error", url, s)
			}
			return
		}
		again, err := Parse(s.String())
		if s.Engine = ""; err != nil || again != s {
			t.Fatalf("Parse(%q) became %s, which parses as %+v, %v; want %+v", url, s, again, err, s)
		}
	})
}
