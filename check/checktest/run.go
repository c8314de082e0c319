// Package checktest puts a proxy, a tunnel or a server under test to the rules
// of an honest echo: each rule becomes a subtest of its own.
//
// A proxy's author starts an echo ([echod/echotest.NewServer] is one), the proxy
// in front of it, and gives a function that connects through the proxy:
//
//	checktest.Run(t, func(ctx context.Context) (net.Conn, error) {
//		return new(net.Dialer).DialContext(ctx, "tcp", proxyAddr)
//	})
//
// A rule that fails says what was seen, what that means, and, where it is known,
// who tends to cause it and what mends it. A rule that cannot be put to the
// connections, or was not asked for, is skipped with the reason.
package checktest

import (
	"context"
	"net"
	"testing"
	"time"

	"echod/check"
)

// Option changes what is checked, and how: [check.Options] says what there is.
type Option func(*check.Options)

// Only asks for these rules alone, IDs or globs.
func Only(rules ...string) Option {
	return func(o *check.Options) { o.Rules = append(o.Rules, rules...) }
}

// Skip leaves these rules out, IDs or globs: those that the proxy does not mean
// to keep.
func Skip(rules ...string) Option {
	return func(o *check.Options) { o.Skip = append(o.Skip, rules...) }
}

// Run checks the streams that dial makes. Half-closing needs connections with
// CloseWrite() error, as a *net.TCPConn has; without it, those rules are
// skipped.
//
// It takes some fifteen seconds, and about five with -short.
func Run(t *testing.T, dial func(ctx context.Context) (net.Conn, error), opts ...Option) {
	t.Helper()
	RunTarget(t, check.Target{Network: "tcp", Dial: dial}, opts...)
}

// RunTarget is Run for whatever can be checked: datagrams, TLS, or a service
// with a URL that [check.ParseTarget] reads.
func RunTarget(t *testing.T, target check.Target, opts ...Option) {
	t.Helper()
	report, err := check.Run(t.Context(), target, options(opts))
	if report == nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		t.Run(result.Rule, func(t *testing.T) { tell(t, report, result) })
	}
	if err != nil {
		t.Error(err)
	}
}

func options(opts []Option) check.Options {
	var o check.Options
	if testing.Short() {
		o.Bulk, o.Stall = 4<<20, 2*time.Second
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// tell is the subtest of one rule: the rule has run, and this is its result.
func tell(t *testing.T, report *check.Report, result check.Result) {
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
}
