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
