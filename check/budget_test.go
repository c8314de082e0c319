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

func TestALongTimeoutLeavesTimeForTheRules(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct{ timeout, budget, want time.Duration }{
		{5 * s, 60 * s, 5 * s},
		{60 * s, 60 * s, 20 * s},
		{60 * s, 0, 60 * s},
		{60 * s, 3 * s, 5 * s},
		{s, 3 * s, s},
	} {
		if got := identifyTimeout(Options{Timeout: tt.timeout, Budget: tt.budget}); got != tt.want {
			t.Errorf("timeout %v, budget %v: got %v, want %v", tt.timeout, tt.budget, got, tt.want)
		}
	}
}
