package sock

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Spec is one address to listen on, as a URL names it:
// tcp://host:port, tls://host:port, udp://host:port or unix:///path, with
// ?engine=NAME where the listener is to be served by another engine than the
// rest.
//
// Parse makes one from a URL, Resolve fills Addr in, and both say what is wrong
// with a bad one by an *Error.
type Spec struct {
	Network string         // "tcp", "tls", "udp" or "unix"
	Host    string         // as written: a name, an address or "" for every address
	Addr    netip.AddrPort // where to bind, but for unix; IPv6 unspecified for "" means both families
	Path    string         // the socket's path, for unix
	Engine  string         // the engine named in the URL; "" if none
	File    FileID         // for unix, once bound by us: the socket file that Unlink may remove
}

// Transport is the network of the socket itself: under TLS that is tcp.
func (s Spec) Transport() string {
	if s.Network == "tls" {
		return "tcp"
	}
	return s.Network
}

// String is the URL of the address that is really meant: resolved if it was,
// the port as bound, without the engine. Parse takes it back.
func (s Spec) String() string {
	switch {
	case s.Network == "unix":
		return "unix://" + (&url.URL{Path: s.Path}).EscapedPath()
	case s.Addr.Addr().IsValid():
		return s.Network + "://" + strings.Replace(s.Addr.String(), "%", "%25", 1)
	default:
		host := strings.Replace(s.Host, "%", "%25", 1)
		return s.Network + "://" + net.JoinHostPort(host, strconv.Itoa(int(s.Addr.Port())))
	}
}

// Error says what is wrong with a URL and what would be right. It is the
// caller's mistake, found before anything was bound.
type Error struct {
	URL  string // as it was given
	Got  string // what is wrong with it
	Want string // what would be right
}

func (e *Error) Error() string {
	shown := e.URL
	if shown == "" {
		shown = `""`
	}
	return printable("bad address " + shown + ": " + e.Got + "; " + e.Want)
}

// printable escapes what would not show, or would break the line it is shown
// on.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
