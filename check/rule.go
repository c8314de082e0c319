package check

import (
	"path"
	"slices"
	"time"
)

// Rule is one thing that an honest echo does.
type Rule struct {
	ID       string   // permanent, as "stream/half-close"
	Networks []string // where it applies, of "tcp", "unix" and "udp"
	Sends    string   // what the client does
	Expects  string   // what must come back
	Meaning  string   // what a failure means, in one plain sentence
	Agent    bool     // whether it needs the far-end agent

	flag  string // of echod check, without which it is skipped, as "--long"; "" if none
	stage stage
	once  bool                        // takes too long to be asked again
	extra func(Options) time.Duration // what it may take beyond the usual; nil if nothing
	run   func(*probe) error
}

// stage is when a rule runs. Rules of one stage run side by side, because they
// do not disturb each other even at a server that is not quite honest.
type stage int

const (
	gentle  stage = iota // a few bytes, read as they come
	stalled              // does not read what it is owed, and may block a poor server
	crowd                // many connections at once
	flood                // as much as the path carries
	stages
)

var (
	streams   = []string{"tcp", "tls", "unix"}
	secure    = []string{"tls"}
	datagrams = []string{"udp"}
)

// Rules are all rules, in the order in which reports list them.
func Rules() []Rule {
	return []Rule{
		firstByte,
		noUnsolicited,
		binaryExact,
		chunking,
		sizeSweep,
		bulk,
		halfClose,
		halfCloseLate,
		halfCloseOwed,
		finOnly,
		noEarlyFin,
		serverFin,
		rstToServer,
		rstToClient,
		rstAfterData,
		backpressure,
		slowReader,
		zeroWindow,
		idle,
		concurrency,
		churn,
		closeLatency,
		refused,
		tlsHalfClose,
		tlsTruncation,
		datagramExact,
		datagramSource,
		orderLoss,
		natIdle,
		loopGuard,
	}
}

// Fits reports whether the rule applies to network.
func (r Rule) Fits(network string) bool { return slices.Contains(r.Networks, network) }

// Needs are the flags of echod check without which the rule is skipped.
func (r Rule) Needs() []string {
	var flags []string
	if r.Agent {
		flags = append(flags, "--agent")
	}
	if r.flag != "" {
		flags = append(flags, r.flag)
	}
	return flags
}

// matches reports whether pattern, an ID or a glob as path.Match has them, means
// the rule. "stream/*" means every stream rule.
func (r Rule) matches(pattern string) bool {
	ok, err := path.Match(pattern, r.ID)
	return ok && err == nil
}
