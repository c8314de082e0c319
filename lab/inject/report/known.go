package report

import (
	"fmt"
	"strings"

	"echod/lab/inject/plan"
)

// KnownList is the list of cases that are known to break a promise, with the
// reason why they are accepted. Each entry is a pattern as plan.Select takes it.
type KnownList []entry

type entry struct{ pattern, why string }

// ParseKnown reads a list: a pattern, " # " and the reason, one entry a line.
// Lines that begin with "#" are comments. A pattern that matches no case is an
// error, because it would never be missed.
func ParseKnown(text string) (KnownList, error) {
	var list KnownList
	all := plan.All()
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, why, ok := strings.Cut(line, " # ")
		if !ok {
			return nil, fmt.Errorf("line %d: no reason; want PATTERN # REASON", number)
		}
		if _, err := plan.Select(all, pattern); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		list = append(list, entry{strings.TrimSpace(pattern), strings.TrimSpace(why)})
	}
	return list, nil
}

// Match returns the reason of the first entry that c is one of.
func (l KnownList) Match(c plan.Case) (why string, ok bool) {
	for _, e := range l {
		if _, err := plan.Select([]plan.Case{c}, e.pattern); err == nil {
			return e.why, true
		}
	}
	return "", false
}

// Unused lists the patterns of which every case was tried and none broke.
func (l KnownList) Unused(all []Result) []string {
	var unused []string
	for _, e := range l {
		cases, _ := plan.Select(plan.All(), e.pattern)
		tried, broke := 0, false
		for _, c := range cases {
			for _, r := range all {
				if r.Case == c {
					tried++
					broke = broke || len(r.Findings) > 0
				}
			}
		}
		if tried == len(cases) && !broke {
			unused = append(unused, e.pattern)
		}
	}
	return unused
}
