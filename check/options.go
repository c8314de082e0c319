package check

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/nearest"
)

// Options say how to check. The zero value is the default set.
type Options struct {
	Rules []string // IDs or globs, as "stream/*"; none means all
	Skip  []string // IDs or globs to leave out

	Timeout  time.Duration // the longest wait for anything that is due; default DefaultTimeout
	Conns    int           // clients at once in stream/concurrency; default DefaultConns
	Absorb   int64         // bytes that may be taken in while nothing is read; default DefaultAbsorb
	Seed     uint64        // what every byte is made from; 0 means a random one, which the report tells
	Parallel int           // rules that may run side by side; default 4 for each processor; 1 means one by one

	Bulk    int64         // bytes to send in stream/bulk; default DefaultBulk
	Stall   time.Duration // how long stream/zero-window does not read; default DefaultStall, with Long LongStall
	IdleMax time.Duration // the longest silence that stream/idle and datagram/nat-idle try; default DefaultIdleMax
	Closed  string        // URL, through the same path, of a port behind which nobody listens
	Long    bool          // wait for what takes minutes, too
	Unsafe  bool          // do what a server or a network may take for an attack

	// Agent is the URL of the far-end agent, tcp://host:port, as it is seen
	// through the path; without one, rules that need it are skipped. Token is
	// what it asks for. AgentUDP is where the path leads to the agent's UDP port,
	// udp://host:port; without one, that is on the host and the port of Agent.
	Agent    string
	AgentUDP string
	Token    string

	// Progress, if set, is called when a rule begins and with each result as it
	// comes, in any order but never twice at once.
	Progress func(Progress)
}

const (
	DefaultTimeout = 5 * time.Second
	DefaultConns   = 100
	// DefaultAbsorb leaves room for the socket buffers on the way through two
	// honest proxies: Linux lets a receive buffer grow to 32 MiB (tcp_rmem), and
	// there is one in the server and in each proxy.
	DefaultAbsorb = 192 << 20
	DefaultBulk   = 64 << 20
	DefaultStall  = 10 * time.Second
	// LongStall outlasts the timeouts on a write that are usual, up to a minute.
	LongStall      = time.Minute
	DefaultIdleMax = 10 * time.Minute
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Conns <= 0 {
		o.Conns = DefaultConns
	}
	if o.Absorb <= 0 {
		o.Absorb = DefaultAbsorb
	}
	if o.Bulk <= 0 {
		o.Bulk = DefaultBulk
	}
	if o.Stall <= 0 {
		o.Stall = DefaultStall
		if o.Long {
			o.Stall = LongStall
		}
	}
	if o.IdleMax <= 0 {
		o.IdleMax = DefaultIdleMax
	}
	if o.Parallel <= 0 {
		o.Parallel = 4 * runtime.GOMAXPROCS(0)
	}
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

// choose picks the rules that fit network, are asked for and not skipped.
func choose(network string, only, skip []string) ([]Rule, error) {
	if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Fits(network) }) {
		return nil, &UsageError{Got: "unknown network " + strconv.Quote(network), Want: "want tcp, tls, unix or udp"}
	}
	for _, pattern := range slices.Concat(only, skip) {
		if !meansSome(Rules(), pattern) {
			return nil, &UsageError{Got: "unknown rule " + pattern, Want: validRule(pattern)}
		}
	}
	var chosen []Rule
	for _, r := range Rules() {
		if r.Fits(network) && (len(only) == 0 || slices.ContainsFunc(only, r.matches)) && !slices.ContainsFunc(skip, r.matches) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, &UsageError{
			Got:  "no rule is left for " + network,
			Want: "streams have stream/*, udp has datagram/*",
		}
	}
	return chosen, nil
}

func meansSome(rules []Rule, pattern string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.matches(pattern) })
}

// validRule is what the error of an unknown pattern says is valid: the rule with the
// closest ID, if there is one. Only the name counts if pattern has no family.
func validRule(pattern string) string {
	ids := make(map[string]string)
	var words []string
	for _, r := range Rules() {
		word := r.ID
		if !strings.Contains(pattern, "/") {
			_, word, _ = strings.Cut(r.ID, "/")
		}
		ids[word] = r.ID
		words = append(words, word)
	}
	if word, ok := nearest.Word(pattern, words); ok {
		return "did you mean " + ids[word] + "?"
	}
	return "want the ID of a rule or a pattern, e.g. stream/*"
}
