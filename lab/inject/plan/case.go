package plan

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// When says which calls fail, by their number. strace counts them by thread.
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

// Whens lists all of them, in the order of the calls.
func Whens() []When { return []When{First, Second, Third, Fifth, Tenth, Always} }

// expressions are what strace calls them.
var expressions = map[When]string{First: "1", Second: "2", Third: "3", Fifth: "5", Tenth: "10", Always: "1+"}

// Whens lists when calls fail in a trial of that phase. A start makes most calls
// only a few times, and each time for something else.
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

// String names the case, as Select takes it.
func (c Case) String() string {
	return strings.Join([]string{c.Target, c.Call, c.Errno, string(c.When)}, " ")
}

// Expression is what strace's option -e takes.
func (c Case) Expression() string {
	when := expressions[c.When]
	if c.When == Always && c.passes() {
		when = "1+3"
	}
	return fmt.Sprintf("inject=%s:error=%s:when=%s", c.Call, c.Errno, when)
}

// passes reports whether the errno cannot be the answer to every call, so that
// Always must mean every third. EINTR answers a signal, and EAGAIN a state that
// passes: but for a send, which returns it for as long as the kernel has no memory
// for sockets (tcp(7), tcp_mem). ECONNABORTED is of one connection in the queue,
// which accept takes off it, and an injected one does not.
//
// Not every second call: Go's runtime asks epoll twice in turn, once without
// waiting and once with, and would have to wait in a call that fails.
func (c Case) passes() bool {
	sends := slices.Contains([]string{"write", "sendto", "sendmsg", "sendmmsg"}, c.Call)
	return c.Errno == "EINTR" || c.Errno == "ECONNABORTED" || c.Errno == "EAGAIN" && !sends
}

// All lists every case of every target.
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

// Select returns the cases that match pattern: up to four words as in
// Case.String, each a pattern of path.Match without the special meaning of "/".
// The words that are not there match everything.
func Select(all []Case, pattern string) ([]Case, error) {
	words := strings.Fields(pattern)
	if len(words) > 4 {
		return nil, fmt.Errorf("pattern %q has %d words; want up to 4: TARGET CALL ERRNO WHEN", pattern, len(words))
	}
	var chosen []Case
	for _, c := range all {
		fits := true
		for i, value := range []string{c.Target, c.Call, c.Errno, string(c.When)}[:len(words)] {
			ok, err := path.Match(flat(words[i]), flat(value))
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %q: %w", pattern, words[i], err)
			}
			fits = fits && ok
		}
		if fits {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no case matches %q; see -list", pattern)
	}
	return chosen, nil
}

// flat lets "*" match "/", too.
func flat(s string) string { return strings.ReplaceAll(s, "/", ":") }

// Sample returns n of the cases, chosen by seed, in the order of all. Every
// target is in it before one has two, because a fault tends to be one target's.
func Sample(all []Case, n int, seed uint64) []Case {
	if n <= 0 || n >= len(all) {
		return all
	}
	random := rand.New(rand.NewPCG(seed, 0))
	order := random.Perm(len(all))
	turn := make([]int, len(all)) // how many of the same target come before
	seen := map[string]int{}
	for _, i := range order {
		turn[i] = seen[all[i].Target]
		seen[all[i].Target]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return turn[a] - turn[b] })
	order = order[:n]
	slices.Sort(order)
	chosen := make([]Case, n)
	for i, at := range order {
		chosen[i] = all[at]
	}
	return chosen
}
