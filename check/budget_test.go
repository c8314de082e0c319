package check

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Of the clients of stream/concurrency, all are refused, and the budget ends before the rule
// has found out how many the path takes.
func TestAFailureStandsThatTheBudgetEndsWhileMoreIsFoundOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	budget, end := context.WithCancel(t.Context())
	defer end()
	var dials atomic.Int64
	const stalled, clients = 1, 5
	target := Target{Network: "tcp", Dial: func(ctx context.Context) (net.Conn, error) {
		switch n := dials.Add(1); {
		case n <= stalled:
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		case n > stalled+clients:
			end()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}}
	r := newRunner(t.Context(), target, Options{Budget: 1}.withDefaults(), 1)
	got := r.runRule(budget, concurrency, nil).result
	if got.Verdict != Fail || got.Class != Refused || !strings.HasPrefix(got.Detail, "5 clients: ") {
		t.Errorf("got %s %s: %s, want the failure of 5 clients", got.Verdict, got.Class, got.Detail)
	}
	if got.Evidence == ConnectionLimit {
		t.Error("got a limit on connections: what the end of the budget broke is no evidence")
	}
}

// A server that accepts and never answers is known for one after two waits, which the budget
// bounds, too.
func TestTheBudgetBoundsWhatRunsBeforeTheRules(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // its kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	report, err := Run(t.Context(), Target{Network: "tcp", Address: l.Addr().String()}, Options{Timeout: time.Hour, Budget: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if report.NotEcho == nil || report.NotEcho.Kind != KindSilent {
		t.Errorf("got %+v, want a silent target", report.NotEcho)
	}
}
