// Package endpoint reads and writes URLs of listeners and services, and looks names
// up. Listeners and clients share it, so that a URL means the same to both.
package endpoint

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"echod/internal/usage"
)

// MaxPath is the longest path of a unix socket in bytes: sun_path of unix(7) without
// its NUL, e.g. 107 on Linux.
const MaxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// URL is a parsed URL: tcp://host:port, tls://host:port, udp://host:port or
// unix:///path.
type URL struct {
	Network string // "tcp", "tls", "udp" or "unix", in lower case
	Host    string // a name, or an IP address as netip.Addr writes it, with its zone; "" for every address
	Port    uint16 // 0 for any free port
	Path    string // of a unix socket, decoded
	Engine  string // of a listener: the value of ?engine=; "" if there is none
}

// String returns the canonical URL. The function that parsed u parses it to u again.
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

// Address returns what package net dials: host:port, or the path of a unix socket.
func (u URL) Address() string {
	if u.Network == "unix" {
		return u.Path
	}
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// Transport returns the network of the socket: tcp for a tls URL.
func (u URL) Transport() string { return Transport(u.Network) }

// Transport returns the network of the sockets for a network of a URL: tcp for tls.
func Transport(network string) string {
	if network == "tls" {
		return "tcp"
	}
	return network
}

// IP returns the host as an IP address, unmapped if it is IPv4-mapped. It returns
// the invalid address if the host is a name or empty.
func (u URL) IP() netip.Addr {
	ip, err := netip.ParseAddr(u.Host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// Format returns the canonical URL of address on network. The address is what
// package net dials: host:port, or a path. An address without a port is not changed.
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

// escapeZone escapes the zone of an IPv6 address (RFC 6874).
func escapeZone(host string) string {
	ip, zone, found := strings.Cut(host, "%")
	if !found {
		return host
	}
	return ip + "%25" + url.QueryEscape(zone)
}

// BadURL returns the *usage.Error of a URL that cannot be used. got says what is
// wrong with it, and is empty if want says it all; want is what is valid.
func BadURL(text, got, want string) error {
	subject := fmt.Sprintf("invalid URL %q", text)
	if got != "" {
		subject += ": " + got
	}
	return usage.New(subject, printable(want))
}

// printable escapes what is not printable, so that an error stays on one line.
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
