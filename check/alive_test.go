package check_test

import (
	"context"
	"io"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"echod/check"
)

// stopsDuring returns an echo that stops accepting when the rule starts: its listener
// is closed or, if it is silent, connects are not answered. It accepts again after back, if
// that is not 0.
func stopsDuring(t *testing.T, rule string, silent bool, back time.Duration) (check.Target, func(check.Progress)) {
	target := serve(t)
	echo := target.Address
	var stopped atomic.Int64 // when, in Unix nanoseconds
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		if at := stopped.Load(); at != 0 && (back == 0 || time.Since(time.Unix(0, at)) < back) {
			if silent {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errTimeout{}}
			}
			return new(net.Dialer).DialContext(ctx, "tcp", freePort(t, "tcp"))
		}
		return new(net.Dialer).DialContext(ctx, "tcp", echo)
	}
	return target, func(p check.Progress) {
		if n := len(p.Running); p.Result == nil && p.Running[n-1] == rule {
			stopped.CompareAndSwap(0, time.Now().UnixNano())
		}
	}
}

func TestAServerThatStopsAcceptingIsTheFirstFinding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		silent bool
		back   time.Duration
		want   string
	}{
		{"for good", false, 0, "the server stopped accepting during stream/zero-window and did not come back"},
		{"connects are dropped", true, 0, "connects were not answered any more during stream/zero-window and are still not answered"},
		{"connects are dropped for a while", true, 1500 * time.Millisecond, `connects were not answered any more during stream/zero-window and were answered again after \d+s`},
		{"and starts again", false, 1500 * time.Millisecond, `the server stopped accepting during stream/zero-window and came back after \d+s: restarted\?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target, progress := stopsDuring(t, "stream/zero-window", tt.silent, tt.back)
			report, err := check.Run(t.Context(), target, check.Options{
				Rules: []string{"stream/fin-only", "stream/first-byte", "stream/zero-window", "stream/bulk"}, Progress: progress,
			})
			if err != nil {
				t.Fatal(err)
			}
			first := report.Results[0]
			wantDetail(t, first, check.Fail, first.Class, "^"+tt.want+"$")
			if report.Verdict() != check.Fail {
				t.Errorf("got %s, want fail", report.Verdict())
			}
			for _, result := range report.Results[1:] {
				switch result.Rule {
				case "stream/first-byte", "stream/fin-only":
					wantDetail(t, result, check.Pass, "", "")
				default:
					wantDetail(t, result, check.Skip, "", "^not run: (the server stopped accepting|connects were not answered any more)$")
				}
			}
			var text strings.Builder
			report.WriteText(&text, false)
			t.Log(text.String())
		})
	}
}

func TestARuleThatPassesWhenItRunsAgainIsNoted(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, strict := range []bool{false, true} {
		target := serve(t)
		echo := target.Address
		var started atomic.Int64 // the first connection of the rule is made after that
		target.Dial = func(ctx context.Context) (net.Conn, error) {
			to := echo
			if started.CompareAndSwap(1, 2) {
				to = mute.Addr().String()
			}
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		}
		report, err := check.Run(t.Context(), target, check.Options{
			Rules: []string{"stream/first-byte"}, Timeout: 3 * time.Second, Strict: strict,
			Progress: func(check.Progress) { started.CompareAndSwap(0, 1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		got := report.Results[0]
		if strict {
			wantDetail(t, got, check.Fail, check.Timeout, "^on 1 of 5 connections: nothing arrived for 3s")
			continue
		}
		wantDetail(t, got, check.Pass, "", "^timed out at first, passed when run again alone$")
		if want := regexp.MustCompile(`, 1 of 1\d connections failed at first`); !want.MatchString(report.Summary()) {
			t.Errorf("got %q, want it to match %q", report.Summary(), want)
		}
	}
}

func TestWhatDoesNotFitIntoTheBudgetIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := check.Run(t.Context(), servedBy(t, func(c net.Conn) { io.Copy(c, c) }), check.Options{
			Rules: []string{"stream/first-byte", "stream/zero-window"}, Stall: 10 * time.Minute, Budget: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		wantDetail(t, report.Results[0], check.Pass, "", "")
		wantDetail(t, report.Results[1], check.Skip, "", `^did not fit into the budget of 5s \(--budget\)$`)
	})
}
