// Package plan lists the system calls that are made to fail, with which errno, when, and
// in which program. It starts nothing.
package plan

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// When says which calls fail, by their number in a thread, as strace counts them.
type When string

// The values of When.
const (
	First  When = "first"
	Second When = "second"
	Third  When = "third"
	Fifth  When = "fifth"
	Tenth  When = "tenth"
	Always When = "always"
)

// Whens returns all values, in the order of the calls.
func Whens() []When { return []When{First, Second, Third, Fifth, Tenth, Always} }

// expressions has the syntax of strace.
var expressions = map[When]string{First: "1", Second: "2", Third: "3", Fifth: "5", Tenth: "10", Always: "1+"}

// Whens returns when calls fail in a trial of this phase. A start makes most calls only a
// few times, each for another purpose.
func (p Phase) Whens() []When {
	if p == Serving {
		return []When{First, Tenth, Always}
	}
	return []When{First, Second, Third, Fifth, Always}
}

// Case is one trial: a call that fails with errno in a target.
type Case struct {
	Target string `json:"target"`
	Call   string `json:"call"`
	Errno  string `json:"errno"`
	When   When   `json:"when"`
}

// String returns the case as a pattern for Select.
func (c Case) String() string {
	return strings.Join([]string{c.Target, c.Call, c.Errno, string(c.When)}, " ")
}

// Expression returns the argument of strace -e.
func (c Case) Expression() string {
	when := expressions[c.When]
	if c.When == Always && c.isTransient() {
		when = "1+3"
	}
	return fmt.Sprintf("inject=%s:error=%s:when=%s", c.Call, c.Errno, when)
}

// isTransient reports whether no kernel returns the errno for every call, so that Always
// means every third call. EINTR is caused by a signal, and EAGAIN by a state that changes,
// except for a send: it returns EAGAIN while the kernel has no memory for sockets (tcp(7),
// tcp_mem). accept removes the connection of an ECONNABORTED from the backlog, and an
// injected one does not.
//
// Not every second call, because the Go runtime calls epoll_pwait twice in turn, once
// without and once with a timeout: then always the one that waits would fail.
func (c Case) isTransient() bool {
	sends := slices.Contains([]string{"write", "sendto", "sendmsg", "sendmmsg"}, c.Call)
	return c.Errno == "EINTR" || c.Errno == "ECONNABORTED" || c.Errno == "EAGAIN" && !sends
}

// All returns every case of every target.
func All() []Case {
	var all []Case
	for _, target := range Targets() {
		for _, use := range target.Calls {
			for _, errno := range use.Errnos(target) {
				for _, when := range target.Phase.Whens() {
					all = append(all, Case{target.Name, use.Call, errno, when})
				}
			}
		}
	}
	return all
}

// Select returns the cases that match pattern: up to four words as in Case.String, each a
// pattern of path.Match in which "/" is not special. A missing word matches everything.
func Select(all []Case, pattern string) ([]Case, error) {
	words := strings.Fields(pattern)
	if len(words) > 4 {
		return nil, fmt.Errorf("pattern %q has %d words: want at most 4, TARGET CALL ERRNO WHEN", pattern, len(words))
	}
	var chosen []Case
	for _, c := range all {
		matches := true
		for i, value := range []string{c.Target, c.Call, c.Errno, string(c.When)}[:len(words)] {
			ok, err := path.Match(flat(words[i]), flat(value))
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %q: %w", pattern, words[i], err)
			}
			matches = matches && ok
		}
		if matches {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no case matches %q: see -list", pattern)
	}
	return chosen, nil
}

// flat makes "*" match "/" too.
func flat(s string) string { return strings.ReplaceAll(s, "/", ":") }

// Sample returns n random cases, in the order of all. It contains every target before it
// contains any target twice, because a fault is often in one target only.
func Sample(all []Case, n int, seed uint64) []Case {
	if n <= 0 || n >= len(all) {
		return all
	}
	random := rand.New(rand.NewPCG(seed, 0))
	order := random.Perm(len(all))
	before := make([]int, len(all)) // how many cases of the same target come first
	seen := map[string]int{}
	for _, i := range order {
		before[i] = seen[all[i].Target]
		seen[all[i].Target]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return before[a] - before[b] })
	order = order[:n]
	slices.Sort(order)
	chosen := make([]Case, n)
	for i, at := range order {
		chosen[i] = all[at]
	}
	return chosen
}
