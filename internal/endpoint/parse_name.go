package endpoint

import (
	"net/netip"
	"strings"

	"echod/internal/nearest"
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// noScheme explains a URL without "://", by the one that may have been meant.
func (p parser) noScheme(text string) error {
	rest := text
	for _, scheme := range schemes {
		rest = strings.TrimPrefix(rest, scheme+":")
	}
	host := "localhost"
	if p.listener {
		host = ""
	}
	address := strings.TrimLeft(rest, "/")
	switch {
	case text == "":
		return p.fail("write tcp://"+host+":8080", "no URL")
	case text[0] == '/' || strings.HasPrefix(text, "unix:") && address != "":
		return p.fail("write unix:///"+address, "no scheme")
	case address != "" && strings.Trim(address, digits) == "":
		return p.fail("write tcp://"+host+":"+address, "no scheme")
	case len(address) > 1 && address[0] == ':' && strings.Trim(address[1:], digits) == "":
		return p.fail("write tcp://"+host+address, "no scheme")
	case strings.Contains(address, ":"):
		return p.fail("write tcp://"+address, "no scheme")
	default:
		return p.fail("want tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH", "no scheme")
	}
}

// badScheme explains a scheme that there is not, by the one that was meant.
func (p parser) badScheme(scheme string) error {
	lower := strings.ToLower(scheme)
	switch lower {
	case "tcp4", "udp4", "tcp6", "udp6":
		every := map[byte]string{'4': "0.0.0.0", '6': "[::]"}[lower[3]]
		return p.fail("the address tells the family, e.g. "+lower[:3]+"://"+every+":PORT", "unknown scheme %q", scheme)
	case "http", "ws":
		return p.fail("echod speaks plain tcp://, udp:// and unix://", "unknown scheme %q", scheme)
	case "https", "wss", "ssl":
		return p.fail("echod speaks plain bytes over tls://", "unknown scheme %q", scheme)
	case "unixgram", "unixpacket", "file":
		return p.fail("write unix:///PATH", "unknown scheme %q", scheme)
	}
	if meant, ok := nearest.Word(scheme, schemes); ok {
		return p.fail("write "+meant+"://", "unknown scheme %q", scheme)
	}
	return p.fail("want tcp://, tls://, udp:// or unix://", "unknown scheme %q", scheme)
}

// name checks a host that is not in brackets: empty, an IPv4 address, or a name
// as RFC 1123 section 2.1 has them, with underscores, which are common.
func (p parser) name(network, host, port string) error {
	switch {
	case host == "" && p.listener:
		return nil
	case host == "":
		return p.fail("write "+network+"://localhost:"+port, "no host")
	case host == "*" && p.listener:
		return p.fail("write "+network+"://:"+port+" for every address", "* is not a host")
	case strings.Contains(host, ":"):
		return p.fail("write "+network+"://["+strings.Trim(host, "[]")+"]:"+port, "an IPv6 address without brackets")
	case strings.Trim(host, digits+".") == "":
		if _, err := netip.ParseAddr(host); err != nil {
			return p.fail("write four numbers from 0 to 255", "%q is not an IPv4 address", host)
		}
		return nil
	case strings.Trim(host, letters+digits+"-_.") != "":
		return p.fail("a host has letters, digits, hyphens and dots", "bad host %q", host)
	case len(host) > 253:
		return p.fail("a name has at most 253", "the host has %d letters", len(host))
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 {
			return p.fail("each part of a name has 1 to 63 letters", "the host %q has a part of %d", host, len(label))
		}
	}
	return nil
}
