package sock

import (
	"net/netip"
)

// Spec is one address to listen on, as a URL names it:
// tcp://host:port, udp://host:port or unix:///path, with ?engine=NAME where the
// listener is to be served by another engine than the rest.
//
// Parse makes one from a URL, Resolve fills Addr in, and both say what is wrong
// with a bad one by an *Error.
type Spec struct {
	Network string         // "tcp", "udp" or "unix"
	Host    string         // as written: a name, an address or "" for every address
	Addr    netip.AddrPort // where to bind, for tcp and udp; IPv6 unspecified for "" means both families
	Path    string         // the socket's path, for unix
	Engine  string         // the engine named in the URL; "" if none
}

// String is the URL of the address that is really meant: resolved, the port as
// bound, without the engine.
func (s Spec) String() string {
	if s.Network == "unix" {
		return "unix://" + s.Path
	}
	return s.Network + "://" + s.Addr.String()
}

// Error says what is wrong with a URL and what would be right. It is the
// caller's mistake, found before anything was bound.
type Error struct {
	URL  string // as it was given
	Got  string // what is wrong with it
	Want string // what would be right
}

func (e *Error) Error() string { return "bad address " + e.URL + ": " + e.Got + "; " + e.Want }
