package endpoint

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"echod/internal/nearest"
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// schemes are the networks of all URLs.
var schemes = []string{"tcp", "tls", "udp", "unix"}

// Parse reads the URL of a service to connect to. A bare host:port means tcp. If
// networks are named, the URL must be of one of them. The host is not looked up.
// Every error is a *usage.Error that says what is valid.
func Parse(text string, networks ...string) (URL, error) {
	p := parser{text: text, networks: networks}
	return p.parse(text)
}

// ParseListener reads the URL of a listener as Parse does, with three differences:
// the host may be empty, which means every address; the port may be 0, which means
// any free port; and ?engine=NAME may name the engine that serves the listener.
func ParseListener(text string, networks ...string) (URL, error) {
	p := parser{text: text, networks: networks, listener: true}
	return p.parse(text)
}

// ParseDNS reads a URL as Parse does. Its scheme may have the prefix dns+, which
// stands for every address of the name; every reports that.
func ParseDNS(text string) (u URL, every bool, err error) {
	rest, every := strings.CutPrefix(text, "dns+")
	p := parser{text: text, dns: true}
	if every {
		p.prefix = "dns+"
	}
	if u, err = p.parse(rest); err != nil {
		return URL{}, false, err
	}
	if every && u.Network == "unix" {
		return URL{}, false, p.fail("a path has no addresses to look up", "want "+rest)
	}
	return u, every, nil
}

// parser parses one URL. Its fields say what is valid.
type parser struct {
	text     string   // as given, for errors
	networks []string // none if all are valid
	listener bool
	dns      bool   // the prefix dns+ is valid
	prefix   string // dns+ if text has it
}

func (p parser) fail(got, want string) error { return BadURL(p.text, got, want) }

// want returns the text of an error that shows a valid URL.
func (p parser) want(network, rest string) string {
	return "want " + p.prefix + network + "://" + rest
}

// forms returns the text of an error that shows every valid form of a URL.
func (p parser) forms() string {
	var all []string
	for _, network := range p.valid() {
		switch {
		case network == "unix":
			all = append(all, "unix:///PATH")
		case p.dns:
			all = append(all, "[dns+]"+network+"://HOST:PORT")
		default:
			all = append(all, network+"://HOST:PORT")
		}
	}
	if n := len(all); n > 1 {
		all = append(all[:n-2], all[n-2]+" or "+all[n-1])
	}
	return "want " + strings.Join(all, ", ")
}

func (p parser) valid() []string {
	if len(p.networks) == 0 {
		return schemes
	}
	return p.networks
}

func (p parser) parse(text string) (URL, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		if err := p.checkBare(text); err != nil {
			return URL{}, err
		}
		scheme, rest = "tcp", text
	}
	u := URL{Network: strings.ToLower(scheme)}
	if !slices.Contains(p.valid(), u.Network) {
		return URL{}, p.badScheme(scheme, rest)
	}
	if strings.Contains(rest, "#") {
		return URL{}, p.fail("a fragment (#)", "omit it, or write %23 for a # in a path")
	}
	rest, query, found := strings.Cut(rest, "?")
	var err error
	if found {
		err = p.query(&u, query)
	}
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

// checkBare returns nil if text, which has no scheme, is to be read as host:port.
// Otherwise the error shows the URL that was probably meant, if there is one.
func (p parser) checkBare(text string) error {
	scheme, rest, hasColon := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	switch {
	case strings.HasPrefix(text, "/"):
		scheme, rest = "unix", text
	case isNumber(text):
		scheme, rest = "tcp", text
	case hasColon && !slices.Contains(schemes, scheme) && slices.Contains(p.valid(), "tcp"):
		return nil
	}
	rest = strings.TrimLeft(rest, "/")
	switch {
	case rest == "" || !slices.Contains(p.valid(), scheme):
		return p.fail("", p.forms())
	case scheme == "unix":
		return p.fail("", "want unix:///"+rest)
	case isNumber(rest) && p.listener:
		return p.fail("", p.want(scheme, ":"+rest))
	case isNumber(rest):
		return p.fail("", p.want(scheme, "localhost:"+rest))
	case strings.Contains(rest, ":"):
		return p.fail("", p.want(scheme, rest))
	default:
		return p.fail("", p.forms())
	}
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, digits) == "" }

// badScheme is the error of a scheme that is not valid here.
func (p parser) badScheme(scheme, rest string) error {
	lower := strings.ToLower(scheme)
	got := fmt.Sprintf("unknown scheme %q", scheme)
	switch lower {
	case "tcp", "tls", "udp", "unix":
		return p.fail("", p.forms())
	case "tcp4", "udp4", "tcp6", "udp6":
		if network := lower[:3]; slices.Contains(p.valid(), network) {
			every := map[byte]string{'4': "0.0.0.0", '6': "[::]"}[lower[3]]
			return p.fail(got, "the address selects the family, e.g. "+network+"://"+every+":PORT")
		}
	}
	if meant, ok := nearest.Word(scheme, p.valid()); ok {
		return p.fail(got, p.want(meant, rest))
	}
	return p.fail(got, p.forms())
}

// query reads the text after the question mark.
func (p parser) query(u *URL, query string) error {
	const want = "want ?engine=NAME or no question mark"
	switch {
	case !p.listener && u.Network == "unix":
		return p.fail(fmt.Sprintf("unexpected %q", "?"+query), "omit it, or write %3F for a ? in a path")
	case !p.listener:
		return p.fail(fmt.Sprintf("unexpected %q", "?"+query), p.want(u.Network, "HOST:PORT"))
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return p.fail(fmt.Sprintf("invalid query %q", query), want)
	}
	for key := range values {
		if key != "engine" {
			return p.fail(fmt.Sprintf("unknown parameter %q", key), want)
		}
	}
	switch names := values["engine"]; {
	case len(names) == 0:
		return p.fail("an empty query", want)
	case len(names) > 1:
		return p.fail(fmt.Sprintf("%d engines", len(names)), "want ?engine=NAME once")
	case names[0] == "":
		return p.fail("an empty name of an engine", want)
	default:
		u.Engine = names[0]
		return nil
	}
}

// path reads the text after unix://.
func (p parser) path(u *URL, rest string) error {
	path, err := url.PathUnescape(rest)
	switch {
	case err != nil:
		return p.fail("invalid escape "+strings.TrimPrefix(err.Error(), "invalid URL escape "), "write %25 for a percent sign")
	case path == "":
		return p.fail("no path", "want unix:///PATH")
	case path[0] == '@':
		return p.fail("abstract sockets are not supported, because no file mode protects them", "want unix:///PATH")
	case path[0] != '/':
		return p.fail(fmt.Sprintf("relative path %q", path), "want an absolute path, e.g. unix:///"+rest)
	case strings.HasSuffix(path, "/"):
		return p.fail("the path is a directory", "want the path of a socket in it")
	case strings.Contains(path, "\x00"):
		return p.fail("a NUL byte in the path", "want a path without it")
	case len(path) > MaxPath:
		return p.fail(fmt.Sprintf("the path has %d bytes", len(path)), fmt.Sprintf("want at most %d", MaxPath))
	}
	u.Path = path
	return nil
}

// hostPort reads the text after tcp://, tls:// and udp://.
func (p parser) hostPort(u *URL, rest string) error {
	if strings.Contains(rest, "@") {
		return p.fail("a user (@)", p.want(u.Network, "HOST:PORT"))
	}
	if authority, path, found := strings.Cut(rest, "/"); found {
		return p.fail(fmt.Sprintf("a path (%q)", "/"+path), p.want(u.Network, authority))
	}
	colon := strings.LastIndexByte(rest, ':') // the one before the port, if outside of brackets
	if colon <= strings.LastIndexByte(rest, ']') || colon == len(rest)-1 {
		host := strings.TrimSuffix(rest, ":")
		if host == "" && !p.listener {
			host = "HOST"
		}
		return p.fail("no port", p.want(u.Network, host+":PORT"))
	}
	host, port := rest[:colon], rest[colon+1:]

	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case p.listener && err != nil:
		return p.fail(fmt.Sprintf("invalid port %q", port), "want a number from 1 to 65535, or 0 for any free port")
	case err != nil || n == 0 && !p.listener:
		return p.fail(fmt.Sprintf("invalid port %q", port), "want a number from 1 to 65535")
	}
	u.Port = uint16(n)

	if strings.HasPrefix(host, "[") {
		u.Host, err = p.bracketed(host)
		return err
	}
	u.Host = host
	switch {
	case host == "" && p.listener:
		return nil
	case host == "":
		return p.fail("no host", p.want(u.Network, "localhost:"+port))
	case host == "*" && p.listener:
		return p.fail("* is not a host", p.want(u.Network, ":"+port+" for every address"))
	case strings.Contains(host, ":"):
		want := p.want(u.Network, "[ADDRESS]:PORT")
		if ip, err := netip.ParseAddr(host); err == nil {
			want = p.want(u.Network, "["+ip.String()+"]:"+port)
		}
		return p.fail("an IPv6 address without brackets", want)
	}
	return p.name(host)
}

// bracketed reads [IPv6] or [IPv6%25zone] (RFC 3986, RFC 6874). A % that is not
// escaped is common, and accepted too: the zone is then read without unescaping.
func (p parser) bracketed(host string) (string, error) {
	const wantZone = "want %25 and the name of an interface"
	inner, found := strings.CutSuffix(host[1:], "]")
	if !found {
		return "", p.fail("an unclosed bracket", "want [ADDRESS]:PORT")
	}
	addr, zone, _ := strings.Cut(inner, "%")
	if escaped, found := strings.CutPrefix(zone, "25"); found && escaped != "" {
		var err error
		if zone, err = url.PathUnescape(escaped); err != nil {
			return "", p.fail(fmt.Sprintf("invalid zone %q", escaped), wantZone)
		}
	}
	if !isInterface(zone) {
		return "", p.fail(fmt.Sprintf("invalid zone %q", zone), wantZone)
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil || !ip.Is6() || zone == "" && inner != addr {
		return "", p.fail(fmt.Sprintf("%q is not an IPv6 address", inner), "want an IPv6 address in brackets, e.g. [::1]")
	}
	if zone != "" && ip.Is4In6() {
		return "", p.fail("an IPv4 address with a zone", "omit the zone")
	}
	return ip.WithZone(zone).String(), nil
}

// isInterface reports whether zone can be the name of a network interface, or is
// empty. Linux allows neither a slash, a colon nor white space.
func isInterface(zone string) bool {
	return !strings.ContainsFunc(zone, func(r rune) bool {
		return strings.ContainsRune("/:[]\uFFFD", r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}

// name checks a host without brackets: an IPv4 address, or a name as in RFC 1123
// section 2.1, where underscores, which are common, are accepted too.
func (p parser) name(host string) error {
	if strings.Trim(host, digits+".") == "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return p.fail(fmt.Sprintf("%q is not an IPv4 address", host), "want four numbers from 0 to 255")
		}
		return nil
	}
	if strings.Trim(host, letters+digits+"-_.") != "" {
		return p.fail(fmt.Sprintf("invalid host %q", host), "want letters, digits, hyphens and dots")
	}
	if len(host) > 253 {
		return p.fail(fmt.Sprintf("the host has %d letters", len(host)), "want at most 253")
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 {
			return p.fail(fmt.Sprintf("the host %q has a part of %d letters", host, len(label)), "want 1 to 63 letters between dots")
		}
	}
	return nil
}
