package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"echod/check"
)

// Matrix is the result of a test: engines by networks, with a report for each.
type Matrix struct {
	Echod   string
	Seed    uint64
	Columns []Column // engine by engine, the networks of each in turn
	Absent  []Absent
	Elapsed time.Duration
}

// Column is one engine on one network.
type Column struct {
	Engine  string
	Network string
	Report  *check.Report // nil if Err is not
	Err     error         // why it was not checked
}

// Absent is an engine that does not work on this machine.
type Absent struct {
	Engine string
	Reason error
}

// Verdict returns Fail if any rule failed, Pass if every column passes, and Error if
// the result is inconclusive.
func (m *Matrix) Verdict() check.Verdict {
	verdict := check.Pass
	if len(m.Columns) == 0 {
		return check.Error
	}
	for _, c := range m.Columns {
		switch {
		case c.Err != nil:
			verdict = check.Error
		case c.Report.Verdict() == check.Fail:
			return check.Fail
		case c.Report.Verdict() != check.Pass:
			verdict = check.Error
		}
	}
	return verdict
}

// Summary returns the verdict in one line.
func (m *Matrix) Summary() string {
	counts := map[check.Verdict]int{}
	for _, c := range m.Columns {
		if c.Report == nil {
			continue
		}
		for _, r := range c.Report.Results {
			counts[r.Verdict]++
		}
	}
	prefix := ""
	if m.interrupted() {
		prefix = "interrupted: "
	}
	words := map[check.Verdict]string{check.Pass: "honest", check.Fail: "not honest", check.Error: "inconclusive"}[m.Verdict()]
	return fmt.Sprintf("%s%s: %d passed, %d failed, %d inconclusive, %d skipped, by %d engines (%v)",
		prefix, words, counts[check.Pass], counts[check.Fail], counts[check.Error], counts[check.Skip],
		len(m.engines()), m.Elapsed.Round(100*time.Millisecond))
}

// engines returns the engines that were tested, in order.
func (m *Matrix) engines() []string {
	var names []string
	for _, c := range m.Columns {
		if !slices.Contains(names, c.Engine) {
			names = append(names, c.Engine)
		}
	}
	return names
}

// networks returns the networks that were tested, in order.
func (m *Matrix) networks() []string {
	var names []string
	for _, c := range m.Columns {
		if !slices.Contains(names, c.Network) {
			names = append(names, c.Network)
		}
	}
	return names
}

// column returns the column of an engine on a network, or nil if there is none.
func (m *Matrix) column(engine, network string) *Column {
	for i, c := range m.Columns {
		if c.Engine == engine && c.Network == network {
			return &m.Columns[i]
		}
	}
	return nil
}

// interrupted reports whether a check was interrupted, or not started for that reason.
func (m *Matrix) interrupted() bool {
	return slices.ContainsFunc(m.Columns, func(c Column) bool {
		return c.Report != nil && c.Report.Interrupted || errors.Is(c.Err, context.Canceled)
	})
}
