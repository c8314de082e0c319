package report

import (
	"fmt"

	"echod/internal/ping"
)

// PingTarget is one of the targets of a ping.
type PingTarget struct {
	ping.Config
	Name string // its URL, with a number if several have that URL
}

// PingTargets returns the targets of probers, with their names. Several targets may have one
// URL: each has its own connection, and may have its own path.
func PingTargets(configs []ping.Config) []PingTarget {
	var targets []PingTarget
	seen := map[string]int{}
	for _, c := range configs {
		name := c.Target.String()
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s #%d", name, seen[name])
		}
		targets = append(targets, PingTarget{c, name})
	}
	return targets
}

// PingResult is the result of one target.
type PingResult struct {
	Name string
	ping.Summary
	InFlight int64 // probes in flight, which the summary does not count; 0 at the end
	Verdicts []Verdict
}

// Ping writes a ping in one format: what it is, each event of a target as it happens, and the
// results. Target is an index of the targets. The lines of an event are written when its
// method returns. Each method returns the first error of the writer.
type Ping interface {
	Start() error
	Probe(target int, p ping.Probe) error
	Conn(target int, e ping.ConnEvent) error
	// Pause is called for pauses of at least [ping.LongPause].
	Pause(target int, p ping.Pause) error
	End([]PingResult) error // one for each target, in their order
}
