package cli

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"echod/internal/agent"
	"echod/internal/draw"
	"echod/internal/endpoint"
	"echod/internal/load"
	"echod/internal/sock"
	"echod/internal/usage"
)

// value is a flag whose text parse reads into *p. The error of parse says what is
// valid; badValue adds the name of the flag, and the text.
type value[T any] struct {
	p     *T
	kind  string
	parse func(string) (T, error)
	text  func(T) string
	words []string // for completion
}

func (v *value[T]) Type() string    { return v.kind }
func (v *value[T]) String() string  { return v.text(*v.p) }
func (v *value[T]) Words() []string { return v.words }

func (v *value[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err == nil {
		*v.p = parsed
	}
	return err
}

// list is a flag that can be repeated. The first value replaces the default.
type list[T any] struct {
	value[T] // its p is nil
	all      *[]T
	given    bool
}

func newList[T any](all *[]T, kind string, parse func(string) (T, error), text func(T) string, words ...string) *list[T] {
	return &list[T]{value[T]{nil, kind, parse, text, words}, all, false}
}

func (v *list[T]) String() string {
	var texts []string
	for _, one := range *v.all {
		texts = append(texts, v.text(one))
	}
	return strings.Join(texts, ",")
}

func (v *list[T]) Set(text string) error { return v.add([]string{text}) }

// SetVariable reads the list in a variable, which has commas between its values.
func (v *list[T]) SetVariable(text string) error { return v.add(strings.Split(text, ",")) }

func (v *list[T]) add(texts []string) error {
	for _, text := range texts {
		parsed, err := v.parse(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		if !v.given {
			*v.all, v.given = nil, true
		}
		*v.all = append(*v.all, parsed)
	}
	return nil
}

// badValue is the error of one value of a flag or of its variable. err says what is
// valid.
func badValue(name string, flag *pflag.Flag, text string, err error) error {
	switch flag.Value.Type() {
	case "URL", "token": // the error quotes the address; a token is never shown
		return &exitError{Usage, fmt.Errorf("%s: %w", name, err)}
	case "bool":
		err = errors.New("want true or false")
	}
	return usage.New(fmt.Sprintf("%s: invalid value %q", name, text), err.Error())
}

// number is a whole number from low to high, neither of which is negative. A value below
// low means that the flag was not given; it is shown as nothing.
func number[N int | int64 | uint64](n *N, low, high N) pflag.Value {
	parse := func(text string) (N, error) {
		n, err := strconv.ParseUint(text, 10, 64)
		if err == nil && n >= uint64(low) && n <= uint64(high) {
			return N(n), nil
		}
		return 0, fmt.Errorf("want a number from %d to %d", low, high)
	}
	return &value[N]{p: n, kind: "number", parse: parse, text: func(n N) string {
		if n < low {
			return ""
		}
		return fmt.Sprint(n)
	}}
}

// maxNumber is the largest number where there is no other limit.
const maxNumber = 1 << 30

// seed is what random bytes are made from; 0 stands for a new one.
func seed(n *uint64) pflag.Value { return number(n, 1, math.MaxUint64) }

// size is a number of bytes from low to high.
func size(bytes *int64, low, high int64) pflag.Value {
	return &value[int64]{p: bytes, kind: "size", parse: func(text string) (int64, error) {
		n, err := parseSize(text)
		if err == nil && (n < low || n > high) {
			err = fmt.Errorf("want a size from %s to %s", sizeText(low), sizeText(high))
		}
		return n, err
	}, text: sizeText}
}

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// parseSize reads bytes, or KiB, MiB, GiB and TiB.
func parseSize(text string) (int64, error) {
	digits, unit := text, int64(1)
	for _, u := range units {
		if before, found := strings.CutSuffix(text, u.name); found {
			digits, unit = before, u.bytes
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0, err == nil && n > math.MaxInt64/unit:
		return 0, errors.New("want less than 8 EiB")
	case err == nil && n < 0:
		return 0, errors.New("want 0 or more")
	case err == nil:
		return n * unit, nil
	}
	if meant := likelySize(text); meant != "" {
		return 0, errors.New("did you mean " + meant + "?")
	}
	return 0, errors.New("want a size in bytes, KiB, MiB, GiB or TiB, e.g. 64KiB")
}

// likelySize returns the size that 10MB or 10m probably stands for, "" if there is
// none.
func likelySize(text string) string {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	letters := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	if _, err := strconv.ParseUint(digits, 10, 32); err == nil && letters != "" {
		for _, u := range units {
			if letters[0] == u.name[0]|0x20 {
				return digits + u.name
			}
		}
	}
	return ""
}

// sizeText is the shortest exact way to write n.
func sizeText(n int64) string {
	for _, u := range slices.Backward(units) {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// maxDuration is longer than anybody waits, and short enough for every kernel timer.
const maxDuration = load.MaxTime

// durations says which durations a flag takes.
type durations struct {
	low     time.Duration
	zero    bool   // whether 0 is valid, too
	seconds bool   // whether a plain number means seconds, as for ping(8)
	unset   string // what is shown for 0
}

func (of durations) value(d *time.Duration) pflag.Value {
	return &value[time.Duration]{p: d, kind: "duration", parse: of.parse, text: of.text}
}

func (of durations) parse(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && of.seconds {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d == 0 && of.zero || d >= of.low && d <= maxDuration) {
		return d, nil
	}
	want := "want a duration"
	if of.zero {
		want = "want 0 or a duration"
	}
	if err != nil {
		return 0, errors.New(want + ", e.g. 500ms, 30s, 5m or 1h30m")
	}
	return 0, fmt.Errorf("%s from %s to %s", want, draw.Brief(of.low), draw.Brief(maxDuration))
}

func (of durations) text(d time.Duration) string {
	if d == 0 {
		return of.unset
	}
	return draw.Brief(d)
}

// duration is at least low.
func duration(d *time.Duration, low time.Duration) pflag.Value { return durations{low: low}.value(d) }

// durationOrZero is 0, or at least low.
func durationOrZero(d *time.Duration, low time.Duration) pflag.Value {
	return durations{low: low, zero: true, unset: "0"}.value(d)
}

// seconds is at least low; a plain number is a number of seconds.
func seconds(d *time.Duration, low time.Duration) pflag.Value {
	return durations{low: low, seconds: true}.value(d)
}

// deadline is how long a verb may run; 0, which cannot be given, is without a limit.
func deadline(d *time.Duration) pflag.Value {
	return durations{low: time.Millisecond, seconds: true}.value(d)
}

// choice is one of a few words.
func choice(word *string, words []string) pflag.Value {
	return &value[string]{word, "word", func(text string) (string, error) { return text, oneOf(text, words) }, itself, words}
}

// oneOf returns an error that lists words, unless text is one of them.
func oneOf(text string, words []string) error {
	if slices.Contains(words, text) {
		return nil
	}
	return errors.New("want " + withSuggestion(text, words, orList(words)))
}

// orList is "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// address is an IP address of this machine.
func address(addr *netip.Addr) pflag.Value {
	return &value[netip.Addr]{p: addr, kind: "address", parse: parseIP, text: addrText}
}

func parseIP(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addr, errors.New("want an IP address, e.g. 127.0.0.2")
	}
	return addr, nil
}

func addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// addresses are IP addresses of this machine, with commas between them.
type addresses struct{ *list[netip.Addr] }

func newAddresses(all *[]netip.Addr) addresses {
	return addresses{newList(all, "address", func(text string) (netip.Addr, error) {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			err = errors.New("want IP addresses with commas between them, e.g. 127.0.0.2,127.0.0.3")
		}
		return addr, err
	}, addrText)}
}

// Set reads a list, as SetVariable does.
func (v addresses) Set(text string) error { return v.SetVariable(text) }

// hostNames are names of hosts, without ports.
func hostNames(names *[]string) pflag.Value {
	return newList(names, "name", func(text string) (string, error) {
		if text == "" || strings.ContainsAny(text, "/ ,") || strings.Contains(text, ":") && net.ParseIP(text) == nil {
			return "", errors.New("want a host name without a port, e.g. echo.example.com")
		}
		return text, nil
	}, itself)
}

// globs are IDs of rules, or patterns of them.
func globs(globs *[]string) pflag.Value {
	return newList(globs, "rule", func(text string) (string, error) { return text, nil }, itself, ruleIDs()...)
}

func itself(text string) string { return text }

// listeners are URLs to listen on.
func listeners(specs *[]sock.Spec) pflag.Value {
	return newList(specs, "URL", func(text string) (sock.Spec, error) { return sock.Parse(text) }, sock.Spec.String, schemes...)
}

// agentListener is the address of an agent, which serves TCP or TLS and needs no engine.
func agentListener(spec *sock.Spec) pflag.Value {
	return &value[sock.Spec]{spec, "URL", func(text string) (sock.Spec, error) {
		spec, err := sock.Parse(text, "tcp", "tls")
		if err == nil && spec.Engine != "" {
			err = endpoint.BadURL(text, "an agent has no engine", "want "+spec.Network+"://HOST:PORT")
		}
		return spec, err
	}, sock.Spec.String, []string{"tcp://", "tls://"}}
}

// serviceURL is a service to connect to, on one of networks, or on any if there are
// none.
func serviceURL(url *string, networks ...string) pflag.Value {
	words := schemes
	if len(networks) > 0 {
		words = nil
		for _, network := range networks {
			words = append(words, network+"://")
		}
	}
	return &value[string]{url, "URL", func(text string) (string, error) {
		_, err := endpoint.Parse(text, networks...)
		return text, err
	}, itself, words}
}

// schemes begin URLs.
var schemes = []string{"tcp://", "tls://", "udp://", "unix:///"}

// token is the token of an agent. Its text is never shown.
func token(text *string) pflag.Value {
	parse := func(text string) (string, error) { return text, agent.CheckToken(text) }
	return &value[string]{p: text, kind: "token", parse: parse, text: func(text string) string {
		if text == "" {
			return ""
		}
		return agent.NewSecret(text).String()
	}}
}
