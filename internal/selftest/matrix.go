package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"echod/check"
)

// Verdict is Fail if any rule failed, Pass if every column passes, and Error if
// it could not be told.
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

// Summary is the verdict in one line.
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
	before := ""
	if m.interrupted() {
		before = "interrupted: "
	}
	words := map[check.Verdict]string{check.Pass: "honest", check.Fail: "not honest", check.Error: "inconclusive"}[m.Verdict()]
	return fmt.Sprintf("%s%s: %d passed, %d failed, %d inconclusive, %d skipped, by %d engines (%v)",
		before, words, counts[check.Pass], counts[check.Fail], counts[check.Error], counts[check.Skip],
		len(m.engines()), m.Elapsed.Round(100*time.Millisecond))
}

// engines are those that were tested, in order.
func (m *Matrix) engines() []string {
	var names []string
	for _, c := range m.Columns {
		if !slices.Contains(names, c.Engine) {
			names = append(names, c.Engine)
		}
	}
	return names
}

// networks are those that were tested, in order.
func (m *Matrix) networks() []string {
	var names []string
	for _, c := range m.Columns {
		if !slices.Contains(names, c.Network) {
			names = append(names, c.Network)
		}
	}
	return names
}

// column is nil if the engine does not serve the network.
func (m *Matrix) column(engine, network string) *Column {
	for i, c := range m.Columns {
		if c.Engine == engine && c.Network == network {
			return &m.Columns[i]
		}
	}
	return nil
}

// interrupted reports whether a check was called off, or never begun for it.
func (m *Matrix) interrupted() bool {
	return slices.ContainsFunc(m.Columns, func(c Column) bool {
		return c.Report != nil && c.Report.Interrupted || errors.Is(c.Err, context.Canceled)
	})
}
