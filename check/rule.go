package check

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/nearest"
)

// Rule is one property of an honest echo. Everything about a rule is in the file that
// declares it; CONTRIBUTING.md says how to add one.
type Rule struct {
	ID       string   // permanent, e.g. "stream/half-close"
	Networks []string // where it applies: some of "tcp", "tls", "unix" and "udp"
	Needs    []string // flags of echod check without which it is skipped, e.g. "--long"
	Sends    string   // what the client does
	Expects  string   // what must come back
	Meaning  string   // what a failure means, in one plain sentence, unless a Cause says otherwise
	Causes   []Cause  // likely causes of a failure; a report contains the first that fits, or one of CommonCauses

	stage     stage
	sampled   bool                        // runs on several connections: its verdict depends on one
	many      bool                        // runs on as many connections as fit: see runMany
	noRetry   bool                        // takes too long to run again
	extraTime func(Options) time.Duration // what it may take beyond the usual limit; nil if nothing
	run       func(*probe) error
}

// stage is when a rule runs. Rules of one stage run concurrently, because they do not
// disturb each other, even on a server that is not quite honest.
type stage int

const (
	light     stage = iota // a few bytes, read as they arrive
	stalled                // does not read what it is owed, and may block a bad server
	crowd                  // many connections at once
	flood                  // as much as the path carries
	last                   // may stop a bad server, or leave a bad path without free connections
	numStages              // how many stages there are
)

var (
	streams   = []string{"tcp", "tls", "unix"}
	withAgent = []string{"tcp", "tls"} // streams to the agent
	secure    = []string{"tls"}
	datagrams = []string{"udp"}
)

// Rules returns all rules, in the order of reports.
func Rules() []Rule {
	return []Rule{
		firstByte,
		noUnsolicited,
		binaryExact,
		chunking,
		sizeSweep,
		urgent,
		bulk,
		halfClose,
		halfCloseLate,
		halfCloseOwed,
		finOnly,
		noEarlyFIN,
		serverFIN,
		rstToServer,
		rstToClient,
		rstAfterData,
		backpressure,
		slowReader,
		zeroWindow,
		idle,
		manyConnections,
		concurrency,
		churn,
		aborts,
		closeLatency,
		refused,
		tlsHalfClose,
		tlsTruncation,
		tlsTruncationToServer,
		tlsTruncationToClient,
		datagramExact,
		datagramSource,
		orderLoss,
		natIdle,
		loopGuard,
		datagramEmpty,
	}
}

// Connections returns on how many connections the rule runs side by side, to meet each of
// several servers behind a balancer.
func (r Rule) Connections() int {
	if r.sampled {
		return samples
	}
	return 1
}

// Fits reports whether the rule applies to network.
func (r Rule) Fits(network string) bool { return slices.Contains(r.Networks, network) }

// Matches reports whether pattern, an ID or a glob as in path.Match, matches the rule.
// "stream/*" matches every stream rule.
func (r Rule) Matches(pattern string) bool {
	ok, err := path.Match(pattern, r.ID)
	return ok && err == nil
}

// missing returns the first flag that the rule needs and o lacks; "" if there is none.
func (r Rule) missing(o Options) string {
	given := map[string]bool{"--agent": o.Agent != "", "--closed": o.Closed != "", "--long": o.Long, "--unsafe": o.Unsafe}
	for _, flag := range r.Needs {
		if !given[flag] {
			return flag
		}
	}
	return ""
}

// choose returns the rules that apply to network, are matched by only and not by skip.
// The error is a *UsageError.
func choose(network string, only, skip []string) ([]Rule, error) {
	if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Fits(network) }) {
		return nil, &UsageError{Got: "unknown network " + strconv.Quote(network), Want: "want tcp, tls, unix or udp"}
	}
	for _, pattern := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Matches(pattern) }) {
			return nil, &UsageError{Got: "unknown rule " + pattern, Want: validRule(pattern)}
		}
	}
	var chosen []Rule
	for _, r := range Rules() {
		if r.Fits(network) && (len(only) == 0 || slices.ContainsFunc(only, r.Matches)) && !slices.ContainsFunc(skip, r.Matches) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, &UsageError{Got: "no rule is left for " + network, Want: "streams have stream/*, udp has datagram/*"}
	}
	return chosen, nil
}

// validRule returns what the error of an unknown pattern says is valid: the rule with
// the closest ID, if there is one. Only the name counts if pattern has no family.
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
