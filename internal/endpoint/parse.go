package endpoint

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Parse reads the URL of a service to connect to. The host is not looked up.
// Every error is a *usage.Error.
func Parse(text string) (URL, error) {
	return parser{text: text}.parse(text)
}

// ParseListener reads the URL of a listener. Beyond what Parse takes, the host may
// be empty, which means every address, the port may be 0, which means any free
// one, and ?engine=NAME may name the engine that serves it.
func ParseListener(text string) (URL, error) {
	return parser{text: text, listener: true}.parse(text)
}

// ParseAll reads a URL as Parse does, and one that begins with dns+ for every
// address of its name, which all reports.
func ParseAll(text string) (u URL, all bool, err error) {
	rest, all := strings.CutPrefix(text, "dns+")
	p := parser{text: text}
	if u, err = p.parse(rest); err != nil {
		return URL{}, false, err
	}
	if all && u.Network == "unix" {
		return URL{}, false, p.fail("write "+rest, "a path has no addresses to look up")
	}
	return u, all, nil
}

// schemes are the networks there are.
var schemes = []string{"tcp", "tls", "udp", "unix"}

type parser struct {
	text     string // as it was given
	listener bool
}

// fail is the *usage.Error of this URL; got is a format if there are args.
func (p parser) fail(want, got string, args ...any) error {
	return BadURL(p.text, fmt.Sprintf(got, args...), want)
}

func (p parser) parse(text string) (URL, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return URL{}, p.noScheme(text)
	}
	u := URL{Network: strings.ToLower(scheme)}
	if !slices.Contains(schemes, u.Network) {
		return URL{}, p.badScheme(scheme)
	}
	if strings.Contains(rest, "#") {
		return URL{}, p.fail("omit it, or write %23 for a # in a path", "a fragment (#)")
	}
	rest, query, found := strings.Cut(rest, "?")
	err := p.query(&u, query, found)
	if err == nil && u.Network == "unix" {
		err = p.path(&u, rest)
	} else if err == nil {
		err = p.hostPort(&u, rest)
	}
	if err != nil {
		return URL{}, err
	}
	return u, nil
}

// query reads what follows the question mark.
func (p parser) query(u *URL, query string, found bool) error {
	const want = "the only setting is ?engine=NAME"
	switch {
	case !found:
		return nil
	case !p.listener && u.Network == "unix":
		return p.fail("omit it, or write %3F for a ? in a path", "unexpected %q", "?"+query)
	case !p.listener:
		return p.fail("want "+u.Network+"://HOST:PORT", "unexpected %q", "?"+query)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return p.fail(want, "invalid settings %q", query)
	}
	for key := range values {
		if key != "engine" {
			return p.fail(want, "unknown setting %q", key)
		}
	}
	switch names := values["engine"]; {
	case len(names) == 0:
		return p.fail(want, "nothing follows the question mark")
	case len(names) > 1:
		return p.fail("name one", "it names %d engines", len(names))
	case names[0] == "":
		return p.fail(want, "the engine has no name")
	default:
		u.Engine = names[0]
		return nil
	}
}

// path reads what follows unix://.
func (p parser) path(u *URL, rest string) error {
	path, err := url.PathUnescape(rest)
	switch {
	case err != nil:
		return p.fail("write %25 for a percent sign", "invalid escape %s", strings.TrimPrefix(err.Error(), "invalid URL escape "))
	case path == "":
		return p.fail("write unix:///path/to/socket", "no path")
	case path[0] == '@':
		return p.fail("write unix:///path/to/socket", "an abstract socket, which has no file whose mode could guard it")
	case path[0] != '/':
		return p.fail("write unix:///"+rest+" with the path from the root", "a relative path %q", path)
	case strings.HasSuffix(path, "/"):
		return p.fail("name the socket in it", "the path is a directory")
	case strings.Contains(path, "\x00"):
		return p.fail("a path has none", "a NUL byte in the path")
	case len(path) > MaxPath:
		return p.fail(fmt.Sprintf("a unix socket's may have %d", MaxPath), "the path has %d bytes", len(path))
	}
	u.Path = path
	return nil
}

// hostPort reads what follows tcp://, tls:// and udp://.
func (p parser) hostPort(u *URL, rest string) (err error) {
	if strings.Contains(rest, "@") {
		return p.fail("want "+u.Network+"://HOST:PORT", "a user (@), which %s does not have", u.Network)
	}
	if authority, path, found := strings.Cut(rest, "/"); found {
		return p.fail("write "+u.Network+"://"+authority, "a path (/%s), which %s does not have", path, u.Network)
	}
	host, port, err := p.splitPort(u.Network, rest)
	if err != nil {
		return err
	}
	if u.Port, err = p.port(port); err != nil {
		return err
	}
	if strings.HasPrefix(host, "[") {
		u.Host, err = p.bracketed(host)
		return err
	}
	u.Host = host
	return p.name(u.Network, host, port)
}

// splitPort cuts host:port at the last colon outside of brackets.
func (p parser) splitPort(network, rest string) (host, port string, err error) {
	colon := strings.LastIndexByte(rest, ':')
	bracket := strings.LastIndexByte(rest, ']')
	if colon > bracket && colon < len(rest)-1 {
		return rest[:colon], rest[colon+1:], nil
	}
	if host = strings.TrimSuffix(rest, ":"); host == "" && !p.listener {
		host = "HOST"
	}
	return "", "", p.fail("write "+network+"://"+host+":PORT", "no port")
}

func (p parser) port(digits string) (uint16, error) {
	want := "want a number from 1 to 65535"
	if p.listener {
		want = "want a number from 0 to 65535, where 0 takes a free one"
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 && !p.listener {
		return 0, p.fail(want, "bad port %q", digits)
	}
	return uint16(n), nil
}

// bracketed reads [IPv6] or [IPv6%25zone] (RFC 3986, RFC 6874). A bare % is
// common, and accepted too: the zone is then taken as it stands.
func (p parser) bracketed(host string) (string, error) {
	inner, found := strings.CutSuffix(host[1:], "]")
	if !found {
		return "", p.fail("write [ADDRESS]:PORT", "the bracket is not closed")
	}
	addr, zone, _ := strings.Cut(inner, "%")
	if escaped, found := strings.CutPrefix(zone, "25"); found && escaped != "" {
		var err error
		if zone, err = url.PathUnescape(escaped); err != nil {
			return "", p.fail("write %25 and the name of an interface", "bad zone %q", escaped)
		}
	}
	if !isInterface(zone) {
		return "", p.fail("write %25 and the name of an interface", "bad zone %q", zone)
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil || !ip.Is6() || zone == "" && inner != addr {
		return "", p.fail("only IPv6 addresses stand in brackets, e.g. [::1]", "%q is not an IPv6 address", inner)
	}
	if zone != "" && ip.Is4In6() {
		return "", p.fail("omit the zone", "an IPv4 address with a zone")
	}
	return ip.WithZone(zone).String(), nil
}

// isInterface reports whether a network interface may be called zone, or zone is
// empty: Linux allows neither a slash, a colon nor white space.
func isInterface(zone string) bool {
	return !strings.ContainsFunc(zone, func(r rune) bool {
		return strings.ContainsRune("/:[]\uFFFD", r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}
