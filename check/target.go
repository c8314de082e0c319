package check

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Target is the service to be checked. [ParseTarget] makes one from a URL.
// Whoever has a path of their own, a proxy under test for one, sets Network and
// Dial instead.
type Target struct {
	Network string // "tcp", "tls", "unix" or "udp": which rules apply
	Address string // host:port, or the socket's path; with Dial, just a name for reports

	// Dial, if set, makes the connections. Rules that need more of one than it
	// gives are skipped: half-closing needs CloseWrite() error; asking from
	// which address a datagram came needs a socket that is not connected. For
	// the network "tls" it makes the connections that TLS is spoken over.
	Dial func(ctx context.Context) (net.Conn, error)

	// TLS is for the network "tls". Nil trusts the system's roots; without a
	// ServerName, that is the Address's host.
	TLS *tls.Config
}

// String is the target's URL. One with a Dial has none, and is in parentheses.
func (t Target) String() string {
	if t.Dial == nil {
		return t.Network + "://" + t.Address
	}
	if t.Address == "" {
		return "(" + t.Network + ")"
	}
	return "(" + t.Network + " " + t.Address + ")"
}

const wantTarget = "want tcp://host:port, tls://host:port, udp://host:port or unix:///path"

// ParseTarget reads a URL: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path.
// IPv6 addresses stand in brackets and may have a zone. Names are not resolved
// here. The error is a *UsageError.
func ParseTarget(url string) (Target, error) {
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
	return Target{}, badURL(url, "unknown scheme "+strconv.Quote(network), wantTarget)
}

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
	return &UsageError{Got: "bad address " + url + ": " + got, Want: want}
}

// dial makes one connection, for streams and datagrams alike.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	conn, err := t.dialBare(ctx)
	if err != nil || t.Network != "tls" {
		return conn, err
	}
	return t.secure(ctx, conn)
}

// dialBare makes one connection without the TLS on it.
func (t Target) dialBare(ctx context.Context) (net.Conn, error) {
	network := t.Network
	switch {
	case t.Dial != nil:
		return t.Dial(ctx)
	case network == "tls":
		network = "tcp"
	}
	return new(net.Dialer).DialContext(ctx, network, t.Address)
}
