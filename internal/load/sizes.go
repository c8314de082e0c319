package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Sizes are the lengths of messages in bytes: one length, a range, or a list with weights. It
// is written as 64, 64-1024 or 64:9,64KiB:1, in JSON too.
type Sizes struct {
	choices []choice
	weights int // of all choices
}

// choice is a range of lengths and its weight.
type choice struct {
	min, max int // bytes, both included
	weight   int
}

// MaxSize is the length of the longest message, in bytes. What is in flight must fit in memory.
const MaxSize = 64 << 20

// ParseSizes reads lengths in bytes, KiB or MiB: "64", a range "64-1KiB" whose lengths are
// equally frequent, or a list "64:9,64KiB:1", of which 9 in 10 are 64 bytes. The error says what
// is valid.
func ParseSizes(text string) (Sizes, error) {
	var s Sizes
	for part := range strings.SplitSeq(text, ",") {
		lengths, weight, weighted := strings.Cut(part, ":")
		c := choice{weight: 1}
		var err error
		if weighted {
			if c.weight, err = strconv.Atoi(weight); err != nil || c.weight < 1 || c.weight > 1e6 {
				return Sizes{}, fmt.Errorf("weight %q: want a number from 1 to 1000000, e.g. 64:9,64KiB:1", weight)
			}
		}
		from, to, ranged := strings.Cut(lengths, "-")
		if c.min, err = parseLength(from); err != nil {
			return Sizes{}, err
		}
		if c.max = c.min; ranged {
			if c.max, err = parseLength(to); err != nil {
				return Sizes{}, err
			}
		}
		if c.max < c.min {
			return Sizes{}, fmt.Errorf("want the smaller length first: %s-%s", to, from)
		}
		s.choices = append(s.choices, c)
		s.weights += c.weight
	}
	return s, nil
}

func parseLength(text string) (int, error) {
	digits, unit := text, 1
	for _, u := range units {
		if before, found := strings.CutSuffix(text, u.name); found {
			digits, unit = before, u.bytes
		}
	}
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return 0, errors.New("want bytes, KiB or MiB: one length (64), a range (64-1KiB), or a list with weights (64:9,64KiB:1)")
	case n < 1 || n > MaxSize/unit:
		return 0, errors.New("want a length from 1 to 64MiB")
	}
	return n * unit, nil
}

var units = []struct {
	name  string
	bytes int
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}}

func lengthText(n int) string {
	for _, u := range []int{1, 0} {
		if n%units[u].bytes == 0 {
			return strconv.Itoa(n/units[u].bytes) + units[u].name
		}
	}
	return strconv.Itoa(n)
}

// String returns the text that ParseSizes reads; "" for the zero Sizes.
func (s Sizes) String() string {
	var parts []string
	for _, c := range s.choices {
		part := lengthText(c.min)
		if c.max > c.min {
			part += "-" + lengthText(c.max)
		}
		if len(s.choices) > 1 {
			part += ":" + strconv.Itoa(c.weight)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// MarshalText returns String.
func (s Sizes) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText calls ParseSizes; the empty text is the zero Sizes.
func (s *Sizes) UnmarshalText(text []byte) error {
	*s = Sizes{}
	if len(text) == 0 {
		return nil
	}
	read, err := ParseSizes(string(text))
	*s = read
	return err
}

// Min returns the shortest length.
func (s Sizes) Min() int {
	shortest := MaxSize
	for _, c := range s.choices {
		shortest = min(shortest, c.min)
	}
	return shortest
}

// Max returns the longest length; 0 for the zero Sizes.
func (s Sizes) Max() int {
	longest := 0
	for _, c := range s.choices {
		longest = max(longest, c.max)
	}
	return longest
}

// pick returns the length of the next message.
func (s Sizes) pick(r *rand.Rand) int {
	if len(s.choices) == 1 && s.choices[0].min == s.choices[0].max {
		return s.choices[0].min
	}
	n := r.IntN(s.weights)
	for _, c := range s.choices {
		if n -= c.weight; n < 0 {
			return c.min + r.IntN(c.max-c.min+1)
		}
	}
	panic("load: weights do not add up")
}
