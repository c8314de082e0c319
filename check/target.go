package check

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"

	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/usage"
)

// UsageError is the error of a caller's mistake, e.g. a bad URL or an unknown rule.
// It is returned before anything is sent.
type UsageError = usage.Error

// Target is the service to check. [ParseTarget] makes one from a URL. To check a path
// of your own, e.g. a proxy under test, set Network and Dial instead.
type Target struct {
	Network string // "tcp", "tls", "unix" or "udp": which rules apply
	Address string // host:port, or the path of the socket; with Dial, only a name for reports

	// Dial, if set, makes the connections. For the network "tls" it makes the
	// connections below TLS. A rule is skipped if it needs more than the connection
	// has: half-closing needs CloseWrite() error, and datagram/source needs a socket
	// that is not connected.
	Dial func(ctx context.Context) (net.Conn, error)

	// TLS is for the network "tls", and for an agent with TLS. Nil trusts the roots of the
	// system. The default ServerName is the host of Address, or of the agent's URL.
	TLS *tls.Config

	// Source is the source address; if it is zero, the kernel chooses one. Socket is the
	// options of the sockets. Neither is for unix sockets, or used with Dial.
	Source netip.Addr
	Socket SocketOptions
}

// SocketOptions are the options of the client's sockets.
type SocketOptions = dial.Socket

// String returns the URL of the target, or its network and address in parentheses if
// it has a Dial.
func (t Target) String() string {
	if t.Dial == nil {
		return endpoint.Format(t.Network, t.Address)
	}
	if t.Address == "" {
		return "(" + t.Network + ")"
	}
	return "(" + t.Network + " " + t.Address + ")"
}

// ParseTarget parses a URL: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. A bare host:port means tcp. An IPv6 address is in brackets and may have
// a zone. Names are not resolved. The error is a *UsageError.
func ParseTarget(url string) (Target, error) {
	target, err := dial.Parse(url)
	if err != nil {
		return Target{}, err
	}
	return Target{Network: target.Network, Address: target.Address}, nil
}

// dialTarget returns the target as package dial has it.
func (t Target) dialTarget() dial.Target {
	return dial.Target{Network: t.Network, Address: t.Address, TLS: t.TLS, Source: t.Source, Socket: t.Socket, Via: t.Dial}
}

// check reports whether the sockets of the target can be made.
func (t Target) check() error {
	switch {
	case t.Dial != nil:
		return nil
	case t.Source.IsValid() && t.Network == "unix":
		return usage.New("--source has no effect for a unix socket", "omit it")
	}
	return t.Socket.Check(t.Network)
}

// sameSockets returns to with the source and the options of the sockets of t.
func (t Target) sameSockets(to dial.Target) dial.Target {
	to.Source, to.Socket = t.Source, t.Socket
	return to
}

// at returns the target with address, one of its name, in place of the name. TLS keeps the
// name.
func (t Target) at(address string) Target {
	t.Address, t.TLS = address, dial.Named(t.TLS, t.Address)
	return t
}

// flags returns the flags of echod check for the sockets and the TLS of the target.
func (t Target) flags() []string {
	var words []string
	if t.Socket.Interface != "" {
		words = append(words, "--interface", t.Socket.Interface)
	}
	if t.Source.IsValid() {
		words = append(words, "--source", t.Source.String())
	}
	if t.Socket.TOS != 0 {
		words = append(words, "--tos", dial.TOSText(t.Socket.TOS))
	}
	if t.Socket.Discovery != "" {
		words = append(words, "--pmtudisc", string(t.Socket.Discovery))
	}
	return append(words, t.tlsFlags()...)
}

func (t Target) tlsFlags() []string {
	var words []string
	switch config := t.TLS; {
	case t.Network != "tls" || config == nil:
		return nil
	case config.InsecureSkipVerify:
		words = append(words, "--tls-insecure")
	case config.RootCAs != nil:
		words = append(words, "--tls-ca", "FILE") // its name is unknown here
	}
	if t.TLS.ServerName != "" {
		words = append(words, "--tls-server-name", t.TLS.ServerName)
	}
	if len(t.TLS.Certificates) > 0 {
		words = append(words, "--tls-cert", "FILE", "--tls-key", "FILE")
	}
	return words
}
