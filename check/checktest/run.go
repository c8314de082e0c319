// Package checktest tests a proxy, a tunnel or a server against the rules of package
// check. Each rule is a subtest.
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
// connections have, or an option that is not set. If nothing comes back through the proxy,
// no rule runs, and the test fails once.
package checktest

import (
	"context"
	"net"
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

// Skip omits these rules, IDs or globs, e.g. those that the proxy breaks on purpose.
func Skip(rules ...string) Option {
	return func(o *check.Options) { o.Skip = append(o.Skip, rules...) }
}

// Run checks the streams that dial makes. Rules that half-close need connections with
// CloseWrite() error, as a *net.TCPConn has; they are skipped otherwise.
//
// It takes about fifteen seconds, or five with -short.
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
	report, err := check.Run(t.Context(), target, o)
	if report == nil {
		t.Fatal(err)
	}
	if report.NotEcho != nil {
		t.Errorf("%sseed    %d", report.NotEcho.Explain(), report.Seed())
		return
	}
	for _, result := range report.Results {
		// All rules have run already: a subtest reports the result of one.
		t.Run(result.Rule, func(t *testing.T) {
			switch result.Verdict {
			case check.Pass:
				if result.Detail != "" {
					t.Log(result.Detail)
				}
			case check.Skip:
				t.Skip(result.Detail)
			default:
				t.Errorf("%sseed    %d", report.Explain(result), report.Seed())
			}
		})
	}
	if err != nil {
		t.Error(err)
	}
}
