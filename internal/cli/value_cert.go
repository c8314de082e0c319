package cli

import (
	"echod/internal/usage"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// hostLabel is one label of a host's name (RFC 1123, section 2.1), with the
// underscore that people use all the same.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// certName refuses what no certificate can name: it must be an address, or a
// host's name, of which the first label may be *.
func certName(name string) error {
	bad := func(want string) error { return usage.New(fmt.Sprintf("bad name %q", name), want) }
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Zone() != "" {
			return bad("a certificate knows no zones; write " + addr.WithZone("").String())
		}
		return nil
	}
	const want = "write a host name or an address, as in localhost, echo.example or 192.0.2.7"
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	for _, label := range labels {
		if !hostLabel.MatchString(label) {
			return bad(want)
		}
	}
	if last := labels[len(labels)-1]; len(name) > 253 || strings.Trim(last, "0123456789") == "" {
		return bad(want) // the last label of a name is no number, or 127.0.0.256 were one
	}
	return nil
}
