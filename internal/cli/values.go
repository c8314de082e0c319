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

	"echod/check"
	"echod/internal/agent"
	"echod/internal/endpoint"
	"echod/internal/load"
	"echod/internal/sock"
	"echod/internal/usage"
)

// The values of flags. Each says in its error what would be right; badValue puts
// the flag's or the variable's name before it.

// badValue is the complaint about one value of a flag or of its variable. err
// says what would be right.
func badValue(name string, flag *pflag.Flag, value string, err error) error {
	// The errors of these quote the value themselves, or must not show it.
	if kind := flag.Value.Type(); kind == "URL" || kind == "engine" || kind == "token" {
		return &exitError{Usage, fmt.Errorf("%s: %w", name, err)}
	}
	if flag.Value.Type() == "bool" {
		err = errBool
	}
	return usage.New(fmt.Sprintf("%s: bad %s %q", name, flag.Value.Type(), value), err.Error())
}

// errBool is the complaint of the flags that pflag itself reads.
var errBool = errors.New("write true or false")

// size is a number of bytes from min up to max.
type size struct {
	bytes    *int64
	min, max int64
}

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

func (v size) Type() string { return "size" }

func (v size) String() string {
	if v.bytes == nil {
		return ""
	}
	return sizeText(*v.bytes)
}

func (v size) Set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n < v.min || n > v.max {
		return fmt.Errorf("it must be from %s to %s", sizeText(v.min), sizeText(v.max))
	}
	*v.bytes = n
	return nil
}

// parseSize reads bytes, or KiB, MiB and GiB.
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
		return 0, errors.New("it must be less than 8 EiB")
	case err == nil && n < 0:
		return 0, errors.New("it must not be negative")
	case err == nil:
		return n * unit, nil
	}
	return 0, errors.New(sizeMeant(text))
}

// sizeMeant tells those who wrote 10MB or 10m that they may mean 10MiB.
func sizeMeant(text string) string {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	letters := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	if _, err := strconv.ParseUint(digits, 10, 32); err == nil && letters != "" {
		for _, u := range units {
			if letters[0] == u.name[0]|0x20 {
				return "write " + digits + u.name
			}
		}
	}
	return "write bytes, KiB, MiB, GiB or TiB, as in 64KiB"
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

// count is a whole number from min up to max.
type count struct {
	n        *int
	min, max int
}

func (v count) Type() string { return "number" }

func (v count) String() string {
	if v.n == nil {
		return ""
	}
	return strconv.Itoa(*v.n)
}

func (v count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < v.min || n > v.max {
		return fmt.Errorf("write a whole number from %d to %d", v.min, v.max)
	}
	*v.n = n
	return nil
}

// span is a duration of at least min, or 0 where that means something.
type span struct {
	d   *time.Duration
	min time.Duration
}

// maxSpan is long enough for anybody, and short enough for every kernel timer.
const maxSpan = 366 * 24 * time.Hour

func (v span) Type() string { return "duration" }

func (v span) String() string {
	if v.d == nil {
		return ""
	}
	return spanText(*v.d)
}

func (v span) Set(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("write it as in 500ms, 30s, 5m or 1h30m")
	case d < 0:
		return errors.New("it must not be negative")
	case d != 0 && d < v.min:
		return fmt.Errorf("it must be 0 or at least %s", spanText(v.min))
	case d > maxSpan:
		return fmt.Errorf("it must be at most %s", spanText(maxSpan))
	}
	*v.d = d
	return nil
}

// spanText is d without the zero minutes and seconds that Go writes: 5m0s is
// 5m.
func spanText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// choice is one of a few words.
type choice struct {
	word  *string
	words []string
}

func (v choice) Type() string { return "word" }

func (v choice) String() string {
	if v.word == nil {
		return ""
	}
	return *v.word
}

func (v choice) Set(text string) error {
	if !slices.Contains(v.words, text) {
		return errors.New(suggest(text, v.words, "write "+orList(v.words)))
	}
	*v.word = text
	return nil
}

// orList is "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// hostNames are names of hosts, without ports.
type hostNames struct{ list *[]string }

func (v hostNames) Type() string { return "NAME" }

func (v hostNames) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}

func (v hostNames) Set(text string) error {
	if text == "" || strings.ContainsAny(text, "/ ,") || strings.Contains(text, ":") && net.ParseIP(text) == nil {
		return errors.New("write a name alone, as in echo.example.com")
	}
	*v.list = append(*v.list, text)
	return nil
}

// SetVariable takes several, with commas between them.
func (v hostNames) SetVariable(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if err := v.Set(name); err != nil {
			return err
		}
	}
	return nil
}

// agentURL is where a far-end agent is.
type agentURL struct{ url *string }

func (v agentURL) Type() string { return "URL" }

func (v agentURL) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v agentURL) Set(text string) error {
	target, err := check.ParseTarget(text)
	if err != nil {
		return err
	}
	if target.Network != "tcp" {
		return endpoint.BadURL(text, "an agent speaks tcp", "want tcp://host:port")
	}
	*v.url = text
	return nil
}

// agentUDP is where a far-end agent's datagrams are.
type agentUDP struct{ url *string }

func (v agentUDP) Type() string { return "URL" }

func (v agentUDP) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v agentUDP) Set(text string) error {
	target, err := check.ParseTarget(text)
	if err != nil {
		return err
	}
	if target.Network != "udp" {
		return endpoint.BadURL(text, "not udp", "want udp://host:port")
	}
	*v.url = text
	return nil
}

// token is what an agent asks its clients for. Its text is never shown.
type token struct{ text *string }

func (v token) Type() string { return "token" }

func (v token) String() string {
	if v.text == nil || *v.text == "" {
		return ""
	}
	return agent.NewSecret(*v.text).String()
}

func (v token) Set(text string) error {
	if err := agent.ValidToken(text); err != nil {
		return err
	}
	*v.text = text
	return nil
}

// rate is how many a second; 0 stands for something else than none.
type rate struct{ perSecond *float64 }

const maxRate = 1e9

func (v rate) Type() string { return "rate" }

func (v rate) String() string {
	if v.perSecond == nil {
		return ""
	}
	return strconv.FormatFloat(*v.perSecond, 'f', -1, 64)
}

func (v rate) Set(text string) error {
	n, err := parseRate(text)
	if err != nil {
		return err
	}
	*v.perSecond = n
	return nil
}

// parseRate reads a number a second: 5000 or 5000/s.
func parseRate(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	switch {
	case err != nil, math.IsNaN(n), math.IsInf(n, 0):
		return 0, errors.New("write it a second, as in 5000 or 5000/s")
	case n < 0:
		return 0, errors.New("it must not be negative")
	case n > maxRate:
		return 0, fmt.Errorf("it must be at most %.0f/s", maxRate)
	}
	return n, nil
}

// sizes are the lengths of messages.
type sizes struct{ sizes *load.Sizes }

func (v sizes) Type() string { return "size" }

func (v sizes) String() string {
	if v.sizes == nil {
		return ""
	}
	return v.sizes.String()
}

func (v sizes) Set(text string) error {
	parsed, err := load.ParseSizes(text)
	if err != nil {
		return err
	}
	*v.sizes = parsed
	return nil
}

// addresses are of this machine, with commas between them.
type addresses struct{ list *[]netip.Addr }

func (v addresses) Type() string { return "address" }

func (v addresses) String() string {
	if v.list == nil {
		return ""
	}
	var texts []string
	for _, addr := range *v.list {
		texts = append(texts, addr.String())
	}
	return strings.Join(texts, ",")
}

func (v addresses) Set(text string) error {
	var list []netip.Addr
	for word := range strings.SplitSeq(text, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(word))
		if err != nil {
			return errors.New("write IP addresses with commas between them, as in 127.0.0.2,127.0.0.3")
		}
		list = append(list, addr)
	}
	*v.list = append(*v.list, list...)
	return nil
}

// total is a number of which 0, the default, means that another flag counts.
type total struct{ n *int64 }

func (v total) Type() string { return "number" }

func (v total) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return strconv.FormatInt(*v.n, 10)
}

func (v total) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return errors.New("write a whole number from 1 on")
	}
	*v.n = n
	return nil
}

// length is a duration that cannot be 0, which stands for the default.
type length struct {
	span
	otherwise time.Duration
}

func (v length) String() string {
	if v.d == nil || *v.d == 0 {
		return spanText(v.otherwise)
	}
	return v.span.String()
}

func (v length) Set(text string) error {
	if err := v.span.Set(text); err != nil {
		return err
	}
	if *v.d == 0 {
		return errors.New("nothing can come in no time; write it as in 500ms or 10s")
	}
	return nil
}

// process is the number of one of this machine's.
type process struct{ count }

func (v process) Type() string { return "process" }

func (v process) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return v.count.String()
}

func (v process) Set(text string) error {
	if err := v.count.Set(text); err != nil {
		return errors.New("write its number, as in --server-pid $(pidof echod)")
	}
	return nil
}

// globs are IDs of rules, or patterns of them.
type globs struct{ list *[]string }

func (v globs) Type() string { return "rule" }

func (v globs) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}

func (v globs) Set(text string) error {
	*v.list = append(*v.list, text)
	return nil
}

// SetVariable reads the variable's list, which has commas between the rules.
func (v globs) SetVariable(list string) error {
	*v.list = strings.Split(list, ",")
	return nil
}

// seed is what random bytes are made from; 0 means a new one.
type seed struct{ n *uint64 }

func (v seed) Type() string { return "seed" }

func (v seed) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return strconv.FormatUint(*v.n, 10)
}

func (v seed) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return errors.New("write a whole number from 1 on, as an earlier report tells it")
	}
	*v.n = n
	return nil
}

// targetURL is something to check.
type targetURL struct{ url *string }

func (v targetURL) Type() string { return "URL" }

func (v targetURL) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v targetURL) Set(text string) error {
	if _, err := check.ParseTarget(text); err != nil {
		return err
	}
	*v.url = text
	return nil
}

// stall is a duration whose default, 0, depends on another flag.
type stall struct{ span }

func (v stall) String() string {
	if v.d == nil || *v.d == 0 {
		return spanText(check.DefaultStall)
	}
	return v.span.String()
}

func (v stall) Set(text string) error {
	if err := v.span.Set(text); err != nil {
		return err
	}
	if *v.d == 0 {
		return errors.New("a stall takes some time; write it as in 10s or 5m")
	}
	return nil
}

// parallel is a number whose default, 0, depends on the machine.
type parallel struct{ count }

func (v parallel) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return v.count.String()
}

// urls are the addresses to listen on. The first one given replaces the
// default.
type urls struct {
	specs *[]sock.Spec
	given *bool
}

func (v urls) Type() string { return "URL" }

func (v urls) String() string {
	if v.specs == nil {
		return ""
	}
	var texts []string
	for _, spec := range *v.specs {
		texts = append(texts, spec.String())
	}
	return strings.Join(texts, ",")
}

func (v urls) Set(text string) error {
	spec, err := sock.Parse(text)
	if err != nil {
		return err
	}
	if !*v.given {
		*v.specs, *v.given = nil, true
	}
	*v.specs = append(*v.specs, spec)
	return nil
}

// SetVariable reads the variable's list, which has commas between the URLs.
func (v urls) SetVariable(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		if err := v.Set(strings.TrimSpace(text)); err != nil {
			return err
		}
	}
	return nil
}

// address is one of this machine's.
type address struct{ addr *netip.Addr }

func (v address) Type() string { return "address" }

func (v address) String() string {
	if v.addr == nil || !v.addr.IsValid() {
		return ""
	}
	return v.addr.String()
}

func (v address) Set(text string) error {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return errors.New("write an IP address, as in 127.0.0.2")
	}
	*v.addr = addr
	return nil
}
