package sock

import (
	"net/netip"

	"echod/internal/endpoint"
)

// Spec is one address to listen on, as a URL names it:
// tcp://host:port, tls://host:port, udp://host:port or unix:///path, with
// ?engine=NAME where the listener is to be served by another engine than the
// rest.
//
// Parse makes one from a URL and Resolve fills Addr in. Their errors are
// *usage.Error.
type Spec struct {
	Network string         // "tcp", "tls", "udp" or "unix"
	Host    string         // as written: a name, an address or "" for every address
	Addr    netip.AddrPort // where to bind, but for unix; IPv6 unspecified for "" means both families
	Path    string         // the socket's path, for unix
	Engine  string         // the engine named in the URL; "" if none
	File    FileID         // for unix, once bound by us: the socket file that Unlink may remove
}

// Parse reads the URL of a listener. It looks no name up: that is Resolve's.
func Parse(url string) (Spec, error) {
	u, err := endpoint.ParseListener(url)
	if err != nil {
		return Spec{}, err
	}
	return Spec{Network: u.Network, Host: u.Host, Addr: netip.AddrPortFrom(netip.Addr{}, u.Port), Path: u.Path, Engine: u.Engine}, nil
}

// Transport is the network of the socket itself: under TLS that is tcp.
func (s Spec) Transport() string { return endpoint.URL{Network: s.Network}.Transport() }

// String is the URL of the address that is really meant: resolved if it was,
// the port as bound, without the engine. Listeners and clients parse it alike.
func (s Spec) String() string {
	u := endpoint.URL{Network: s.Network, Host: s.Host, Port: s.Addr.Port(), Path: s.Path}
	if s.Addr.Addr().IsValid() {
		u.Host = s.Addr.Addr().String()
	}
	return u.String()
}
