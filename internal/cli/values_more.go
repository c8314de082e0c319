package cli

import (
	"echod/check"
	"echod/internal/endpoint"
	"echod/internal/load"
	"echod/internal/sock"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

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

// targetURL is the URL of a service, on one of networks, or on any if there are none.
type targetURL struct {
	url      *string
	networks []string
}

func (v targetURL) Type() string { return "URL" }

func (v targetURL) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v targetURL) Set(text string) error {
	if _, err := endpoint.Parse(text, v.networks...); err != nil {
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
