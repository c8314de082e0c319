package check

import (
	"context"
	"crypto/tls"
	"net"

	"echod/internal/dial"
	"echod/internal/endpoint"
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
		return endpoint.Format(t.Network, t.Address)
	}
	if t.Address == "" {
		return "(" + t.Network + ")"
	}
	return "(" + t.Network + " " + t.Address + ")"
}

// ParseTarget reads a URL: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. A bare host:port means tcp. An IPv6 address is in brackets and may
// have a zone. Names are not looked up. The error is a *UsageError.
func ParseTarget(url string) (Target, error) {
	target, err := dial.Parse(url)
	if err != nil {
		return Target{}, err
	}
	return Target{Network: target.Network, Address: target.Address}, nil
}

// way is how the target is dialled.
func (t Target) way() dial.Target {
	return dial.Target{Network: t.Network, Address: t.Address, TLS: t.TLS, Via: t.Dial}
}

// classify says in one word what an error of the net package means; "" if that
// is not known.
func classify(err error) Class { return dial.Classify(err) }
