// Package endpoint reads and writes the URLs of everything that echod serves or
// connects to, and looks their names up. Listeners and clients share it, so that
// the URL of a listener means the same to both.
package endpoint

import (
	"echod/internal/usage"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// URL is one address: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. [Parse] and [ParseListener] make one of text.
type URL struct {
	Network string // "tcp", "tls", "udp" or "unix", in lower case
	Host    string // a name, or an IP address as netip.Addr writes it, with its zone; "" for every address
	Port    uint16 // 0 for any free port
	Path    string // of a unix socket, decoded
	Engine  string // of a listener: the value of ?engine=; "" if there is none
}

// String is the canonical URL. The function that made u reads it back as u.
func (u URL) String() string {
	text := u.Network + "://"
	if u.Network == "unix" {
		text += (&url.URL{Path: u.Path}).EscapedPath()
	} else {
		text += net.JoinHostPort(escapeZone(u.Host), strconv.Itoa(int(u.Port)))
	}
	if u.Engine != "" {
		text += "?engine=" + url.QueryEscape(u.Engine)
	}
	return text
}

// Address is what package net dials: host:port, or the path of a unix socket.
func (u URL) Address() string {
	if u.Network == "unix" {
		return u.Path
	}
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// Transport is the network of the socket itself: under TLS that is tcp.
func (u URL) Transport() string {
	if u.Network == "tls" {
		return "tcp"
	}
	return u.Network
}

// IP is the host as an IP address, IPv4-mapped ones unmapped. It is invalid if
// the host is a name or empty.
func (u URL) IP() netip.Addr {
	ip, err := netip.ParseAddr(u.Host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// Format is the canonical URL of address on network, where address is what package
// net dials: host:port, or a path. What has no port is left as it is.
func Format(network, address string) string {
	if network == "unix" {
		return URL{Network: network, Path: address}.String()
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return network + "://" + address
	}
	return network + "://" + net.JoinHostPort(escapeZone(host), port)
}

// escapeZone writes the zone of an IPv6 address as RFC 6874 does.
func escapeZone(host string) string {
	ip, zone, found := strings.Cut(host, "%")
	if !found {
		return host
	}
	return ip + "%25" + url.QueryEscape(zone)
}

// BadURL returns the *usage.Error of a URL that cannot be used: got says what is
// wrong with it, and want what is valid.
func BadURL(url, got, want string) error {
	if url == "" {
		url = `""`
	}
	return usage.New(printable("bad address "+url+": "+got), printable(want))
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
