package sock

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPath is how long the path of a unix socket may be: sun_path of unix(7)
// holds 108 bytes on Linux, the last of them a NUL. Other systems hold a few
// less and say so when the socket is bound.
const maxPath = 107

// Parse reads a URL. It asks nobody: a name is resolved by Resolve. Every error
// is an *Error.
func Parse(raw string) (Spec, error) {
	p := parser{url: raw}
	s, err := p.parse()
	if err != nil {
		return Spec{}, err
	}
	return s, nil
}

type parser struct{ url string }

// fail is the *Error of this URL; got is a format if there are args.
func (p parser) fail(want, got string, args ...any) error {
	return &Error{URL: p.url, Got: fmt.Sprintf(got, args...), Want: want}
}

func (p parser) parse() (Spec, error) {
	scheme, rest, found := strings.Cut(p.url, "://")
	if !found {
		return Spec{}, p.noScheme()
	}
	s := Spec{Network: strings.ToLower(scheme)}
	if !slices.Contains(schemes, s.Network) {
		return Spec{}, p.badScheme(scheme)
	}
	if strings.Contains(rest, "#") {
		return Spec{}, p.fail("leave it away, or write %23 for a # in a path", "it has a fragment (#)")
	}
	rest, query, asked := strings.Cut(rest, "?")
	if asked {
		if err := p.settings(&s, query); err != nil {
			return Spec{}, err
		}
	}
	if s.Network == "unix" {
		return s, p.path(&s, rest)
	}
	return s, p.hostPort(&s, rest)
}

// settings reads what stands after the question mark.
func (p parser) settings(s *Spec, query string) error {
	const want = "the only setting is ?engine=NAME"
	values, err := url.ParseQuery(query)
	if err != nil {
		return p.fail(want, "its settings %q cannot be read", query)
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
		s.Engine = names[0]
		return nil
	}
}

// path reads what follows unix://.
func (p parser) path(s *Spec, rest string) error {
	path, err := url.PathUnescape(rest)
	switch {
	case err != nil:
		return p.fail("write %25 for a percent sign", "%s", strings.TrimPrefix(err.Error(), "invalid URL escape "))
	case path == "":
		return p.fail("write unix:///path/to/socket", "it has no path")
	case strings.HasPrefix(path, "@"):
		return p.fail("write unix:///path/to/socket", "abstract sockets have no file whose mode could guard them")
	case path[0] != '/':
		return p.fail("write unix:///"+rest+" with the path from the root", "the path %q is relative", path)
	case strings.HasSuffix(path, "/"):
		return p.fail("name the socket in it", "the path is a directory")
	case strings.Contains(path, "\x00"):
		return p.fail("paths have none", "the path holds a NUL byte")
	case len(path) > maxPath:
		return p.fail(fmt.Sprintf("a unix socket's may have %d", maxPath), "the path has %d bytes", len(path))
	}
	s.Path = path
	return nil
}

// hostPort reads what follows tcp://, tls:// and udp://.
func (p parser) hostPort(s *Spec, rest string) error {
	if strings.Contains(rest, "@") {
		return p.fail("an echo asks for no name", "it holds a user (@)")
	}
	if authority, path, found := strings.Cut(rest, "/"); found {
		return p.fail("write "+s.Network+"://"+authority, "a path (/%s) means nothing to %s", path, s.Network)
	}
	host, port, err := p.splitPort(s.Network, rest)
	if err != nil {
		return err
	}
	number, err := p.port(port)
	if err != nil {
		return err
	}
	if strings.HasPrefix(host, "[") {
		host, err = p.bracketed(host)
	} else {
		err = p.name(s.Network, host, port)
	}
	s.Host, s.Addr = host, netip.AddrPortFrom(netip.Addr{}, number)
	return err
}

// splitPort cuts host:port at the last colon outside of brackets.
func (p parser) splitPort(network, rest string) (host, port string, err error) {
	colon := strings.LastIndexByte(rest, ':')
	bracket := strings.LastIndexByte(rest, ']')
	if colon < bracket || colon < 0 {
		return "", "", p.fail("write "+network+"://"+rest+":8080", "it has no port")
	}
	if host, port = rest[:colon], rest[colon+1:]; port == "" {
		return "", "", p.fail("write "+network+"://"+rest+"8080", "it has no port")
	}
	return host, port, nil
}

func (p parser) port(digits string) (uint16, error) {
	const want = "ports are 0 to 65535, and 0 takes a free one"
	if strings.Trim(digits, "0123456789") != "" {
		return 0, p.fail(want, "the port %q is no number", digits)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, p.fail(want, "the port %s is out of range", digits)
	}
	return uint16(n), nil
}

// bracketed reads [IPv6] or [IPv6%25zone] (RFC 3986, RFC 6874); a bare % is
// what people write, and is taken too.
func (p parser) bracketed(host string) (string, error) {
	inner, found := strings.CutSuffix(host[1:], "]")
	if !found {
		return "", p.fail("write [ADDRESS]:PORT", "the bracket is not closed")
	}
	if addr, zone, found := strings.Cut(inner, "%25"); found && zone != "" {
		inner = addr + "%" + zone
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil || !ip.Is6() {
		return "", p.fail("only IPv6 addresses stand in brackets, as in [::1]", "%q is no IPv6 address", inner)
	}
	return ip.String(), nil
}
