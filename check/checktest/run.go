// Package checktest tests a proxy, a tunnel or a server against the rules of package
// check. Each rule is a subtest, which runs the rule: go test -run 'TestProxy/stream/bulk$'
// runs one.
//
// The test of a proxy starts an echo server, e.g. [echod/echotest.NewServer], and the
// proxy in front of it, and passes a function that connects through the proxy:
//
//	checktest.Run(t, func(ctx context.Context) (net.Conn, error) {
//		return new(net.Dialer).DialContext(ctx, "tcp", proxyAddr)
//	})
//
// A failed rule says what was seen and what that means; where it is known, also a likely
// cause and a remedy. A rule is skipped, with the reason, if it needs more than the
// connections have, or an option that is not set.
package checktest

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"echod/check"
)

// Option changes the options of the check. Write your own for those that have no
// function here.
type Option func(*check.Options)

// Only runs only these rules, IDs or globs.
func Only(rules ...string) Option {
	return func(o *check.Options) { o.Rules = append(o.Rules, rules...) }
}

// Skip omits these rules, IDs or globs, e.g. those that the proxy breaks on purpose. A
// proxy with the sockets of net.Listen loses urgent data, and fails "stream/urgent".
func Skip(rules ...string) Option {
	return func(o *check.Options) { o.Skip = append(o.Skip, rules...) }
}

// Run checks the streams that dial makes. Rules that half-close need connections with
// CloseWrite() error, as a *net.TCPConn has; they are skipped otherwise.
//
// It takes about fifteen seconds, or ten with -short.
func Run(t *testing.T, dial func(ctx context.Context) (net.Conn, error), opts ...Option) {
	t.Helper()
	RunTarget(t, check.Target{Network: "tcp", Dial: dial}, opts...)
}

// RunTarget is Run for any target: datagrams, TLS, or a service with a URL that
// [check.ParseTarget] parses.
func RunTarget(t *testing.T, target check.Target, opts ...Option) {
	t.Helper()
	var o check.Options
	if testing.Short() {
		o.Bulk, o.Stall = 4<<20, 2*time.Second
	}
	for _, opt := range opts {
		opt(&o)
	}
	stages, err := check.Plan(target, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Identify(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if report.NotEcho != nil {
		t.Fatalf("%sseed    %d", report.NotEcho.Explain(), report.Seed())
	}
	r := &runner{target: target, options: report.Options} // all rules have the same seed
	for _, stage := range stages {
		if stage.Name == sideBySide {
			r.runTogether(t, stage.Rules)
			continue
		}
		for _, rule := range stage.Rules {
			t.Run(rule.ID, func(t *testing.T) { r.run(t, rule, nil) })
		}
	}
}

// sideBySide is the stage whose rules run at the same time. They wait, most of them for
// seconds. The rules of other stages run one after another: a group of subtests that run
// at the same time needs a subtest around it, and only one can have the name of the
// family, which makes the name of each subtest the ID of its rule.
const sideBySide = "stalled"

// runner runs rules as subtests.
type runner struct {
	target  check.Target
	options check.Options
}

// runTogether runs rules at the same time, those of one family in one group.
func (r *runner) runTogether(t *testing.T, rules []check.Rule) {
	var beside sync.RWMutex
	families := make(map[string][]check.Rule)
	for _, rule := range rules {
		family, _, _ := strings.Cut(rule.ID, "/")
		families[family] = append(families[family], rule)
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		t.Run(family, func(t *testing.T) {
			for _, rule := range families[family] {
				_, name, _ := strings.Cut(rule.ID, "/")
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r.run(t, rule, &beside)
				})
			}
		})
	}
}

// run runs one rule as the test t. beside is that of check.RunRule.
func (r *runner) run(t *testing.T, rule check.Rule, beside *sync.RWMutex) {
	report := check.RunRule(t.Context(), r.target, r.options, rule, beside)
	switch result := report.Results[0]; result.Verdict {
	case check.Pass:
		if result.Detail != "" {
			t.Log(result.Detail)
		}
	case check.Skip:
		t.Skip(result.Detail)
	default:
		t.Errorf("%sseed    %d", report.Explain(result), report.Seed())
	}
}
