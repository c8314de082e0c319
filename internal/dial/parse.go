package dial

import (
	"net"
	"strconv"
	"strings"
	"syscall"

	"echod/internal/nearest"
)

// URLError says what is wrong with a target's URL, and what would be right.
type URLError struct{ Got, Want string }

func (e *URLError) Error() string { return e.Got + "; " + e.Want }

const wantTarget = "want tcp://host:port, tls://host:port, udp://host:port or unix:///path"

// Parse reads a URL: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. IPv6 addresses stand in brackets and may have a zone. Names are
// not resolved here. The error is a *URLError.
func Parse(url string) (Target, error) {
	network, rest, ok := strings.Cut(url, "://")
	if !ok {
		return Target{}, badURL(url, "no scheme", wantTarget)
	}
	switch network {
	case "tcp", "tls", "udp":
		return parseHostPort(url, network, rest)
	case "unix":
		return parsePath(url, rest)
	}
	want := wantTarget
	if meant, ok := nearest.Word(network, schemes); ok {
		want = "write " + meant + "://"
	}
	return Target{}, badURL(url, "unknown scheme "+strconv.Quote(network), want)
}

var schemes = []string{"tcp", "tls", "udp", "unix"}

func parseHostPort(url, network, rest string) (Target, error) {
	want := "want " + network + "://host:port"
	if i := strings.IndexAny(rest, "/?#@"); i >= 0 {
		return Target{}, badURL(url, "unexpected "+strconv.Quote(rest[i:]), want)
	}
	host, port, err := net.SplitHostPort(rest)
	switch {
	case err != nil && strings.Count(rest, ":") > 1 && !strings.HasPrefix(rest, "["):
		return Target{}, badURL(url, "an IPv6 address without brackets", "want "+network+"://[address]:port")
	case err != nil:
		return Target{}, badURL(url, "no port", want)
	case host == "":
		return Target{}, badURL(url, "no host", want)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return Target{}, badURL(url, "bad port "+strconv.Quote(port), "want a number from 1 to 65535")
	}
	// URLs write the zone's percent sign as %25 (RFC 6874).
	host = strings.Replace(host, "%25", "%", 1)
	return Target{Network: network, Address: net.JoinHostPort(host, port)}, nil
}

func parsePath(url, path string) (Target, error) {
	longest := len(syscall.RawSockaddrUnix{}.Path) - 1
	switch {
	case path == "":
		return Target{}, badURL(url, "no path", "want unix:///path")
	case path[0] != '/':
		return Target{}, badURL(url, "a relative path", "want unix:///path")
	case len(path) > longest:
		return Target{}, badURL(url, "a path of "+strconv.Itoa(len(path))+" bytes",
			"the system allows "+strconv.Itoa(longest))
	}
	return Target{Network: "unix", Address: path}, nil
}

func badURL(url, got, want string) error {
	return &URLError{Got: "bad address " + url + ": " + got, Want: want}
}
