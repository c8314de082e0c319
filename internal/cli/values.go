package cli

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"echod/internal/agent"
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
	if err := agent.CheckToken(text); err != nil {
		return err
	}
	*v.text = text
	return nil
}
