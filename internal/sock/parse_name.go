package sock

import (
	"net/netip"
	"strings"

	"echod/internal/nearest"
)

// schemes are the networks that can be listened on.
var schemes = []string{"tcp", "tls", "udp", "unix"}

// noScheme explains a URL without "://".
func (p parser) noScheme() error {
	rest := p.url
	for _, scheme := range schemes {
		rest = strings.TrimPrefix(rest, scheme+":")
	}
	switch {
	case rest == "":
		return p.fail("write tcp://:8080", "it is empty")
	case strings.HasPrefix(p.url, "unix:") || p.url[0] == '/':
		return p.fail("write unix:///"+strings.TrimLeft(rest, "/"), "it has no scheme")
	case strings.Contains(rest, ":"):
		return p.fail("write tcp://"+strings.TrimLeft(rest, "/"), "it has no scheme")
	case strings.Trim(rest, "0123456789") == "":
		return p.fail("write tcp://:"+rest, "it has no scheme")
	default:
		return p.fail("write tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH", "it has no scheme")
	}
}

// badScheme explains a scheme that nothing serves, by the one that was meant.
func (p parser) badScheme(scheme string) error {
	lower := strings.ToLower(scheme)
	switch lower {
	case "tcp4", "udp4", "tcp6", "udp6":
		every := map[byte]string{'4': "0.0.0.0", '6': "[::]"}[lower[3]]
		return p.fail("the address tells the family: "+lower[:3]+"://"+every+":PORT", "unknown scheme %q", scheme)
	case "http", "ws":
		return p.fail("echod serves plain tcp://, udp:// and unix://", "unknown scheme %q", scheme)
	case "https", "wss", "ssl":
		return p.fail("echod serves plain bytes over tls://", "unknown scheme %q", scheme)
	case "unixgram", "unixpacket", "file":
		return p.fail("write unix:///PATH", "unknown scheme %q", scheme)
	}
	if meant, ok := nearest.Word(scheme, schemes); ok {
		return p.fail("write "+meant+"://", "unknown scheme %q", scheme)
	}
	return p.fail("write tcp://, tls://, udp:// or unix://", "unknown scheme %q", scheme)
}

// name checks a host that is not in brackets: empty, an IPv4 address, or a name
// as RFC 1123 section 2.1 has them, with the underscores that people use.
func (p parser) name(network, host, port string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	switch {
	case host == "":
		return nil
	case host == "*":
		return p.fail("write "+network+"://:"+port+" for every address", "* is no host")
	case strings.Contains(host, ":"):
		return p.fail("write "+network+"://["+strings.Trim(host, "[]")+"]:"+port, "an IPv6 address must stand in brackets")
	case strings.Trim(host, digits+".") == "":
		if _, err := netip.ParseAddr(host); err != nil {
			return p.fail("write four numbers from 0 to 255", "%q is no IPv4 address", host)
		}
		return nil
	case strings.Trim(host, letters+digits+"-_.") != "":
		return p.fail("hosts are letters, digits, hyphens and dots", "the host %q holds others", host)
	case len(host) > 253:
		return p.fail("names have at most 253", "the host has %d letters", len(host))
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 {
			return p.fail("each part of a name has 1 to 63 letters", "the host %q has a part of %d", host, len(label))
		}
	}
	return nil
}
