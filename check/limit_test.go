package check_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"echod/check"
	"echod/echotest"
)

// limitedConn is one of the connections that a path takes at once.
type limitedConn struct {
	*net.TCPConn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *limitedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.TCPConn.Close()
}

// failsAbove returns a path on which connects fail by err while this many connections are open.
func failsAbove(limit int64, target check.Target, err error) check.Target {
	address, open := target.Address, new(atomic.Int64)
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		if open.Add(1) > limit {
			open.Add(-1)
			return nil, err
		}
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &limitedConn{TCPConn: c.(*net.TCPConn), open: open}, nil
	}
	return target
}

func TestALimitOnConnectionsIsAFailureOfConcurrencyAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		target check.Target
	}{
		{"refused", failsAbove(10, parse(t, echotest.NewServer(t).URL()), &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})},
		{"accepted and reset", parse(t, echotest.NewRelay(t, echotest.Path{MaxConns: 10}, echotest.NewServer(t).URL()).URL())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(t.Context(), tt.target, check.Options{Skip: []string{"stream/zero-window", "stream/backpressure"}, Parallel: 16})
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				switch {
				case result.Rule == "stream/concurrency":
					if want := "the path takes at most 10 connections at once"; result.Verdict != check.Fail || !strings.Contains(result.Detail, want) {
						t.Errorf("%s: got %s %q, want fail and %q", result.Rule, result.Verdict, result.Detail, want)
					}
				case result.Verdict != check.Pass && result.Verdict != check.Skip:
					t.Errorf("%s: got %s %q", result.Rule, result.Verdict, result.Detail)
				}
			}
			if report.Retried == 0 {
				t.Error("connections failed at first, and the report has no count of them")
			}
			report.WriteText(t.Output(), false)
		})
	}
}
