package report

import (
	"fmt"
	"strings"

	"echod/lab/inject/plan"
)

// KnownList lists cases that are known to break a promise, with the reason why that is
// accepted. Each entry is a pattern for plan.Select.
type KnownList []entry

type entry struct{ pattern, why string }

// ParseKnown parses a list: a pattern, " # " and the reason on each line. Lines that start
// with "#" are comments. A pattern that matches no case is an error.
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
			return nil, fmt.Errorf("line %d: no reason: want PATTERN # REASON", number)
		}
		if _, err := plan.Select(all, pattern); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		list = append(list, entry{strings.TrimSpace(pattern), strings.TrimSpace(why)})
	}
	return list, nil
}

// Match returns the reason of the first entry that matches c.
func (l KnownList) Match(c plan.Case) (why string, ok bool) {
	for _, e := range l {
		if _, err := plan.Select([]plan.Case{c}, e.pattern); err == nil {
			return e.why, true
		}
	}
	return "", false
}

// Unused returns the patterns of which all cases were run and none broke a promise.
func (l KnownList) Unused(all []Result) []string {
	var unused []string
	for _, e := range l {
		cases, _ := plan.Select(plan.All(), e.pattern)
		run, broken := 0, false
		for _, c := range cases {
			for _, r := range all {
				if r.Case == c {
					run++
					broken = broken || len(r.Findings) > 0
				}
			}
		}
		if run == len(cases) && !broken {
			unused = append(unused, e.pattern)
		}
	}
	return unused
}
