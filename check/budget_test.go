package check

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
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

func TestAFailureStandsThatAnInterruptEndsWhileMoreIsFoundOut(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	rule := Rule{ID: "stream/test", run: func(p *probe) error {
		f := fail(Corrupt, "found before")
		f.decided = true
		interrupt()
		return f
	}}
	r := newRunner(ctx, Target{Network: "tcp"}, Options{}.withDefaults(), 1)
	if got := r.runRule(ctx, rule, nil).result; got.Verdict != Fail || got.Class != Corrupt {
		t.Errorf("got %s %s: %s, want the failure", got.Verdict, got.Class, got.Detail)
	}
}

func TestARuleThatNeedsAFlagSaysSoWhenTheBudgetHasEnded(t *testing.T) {
	budget, end := context.WithCancel(t.Context())
	end()
	r := newRunner(t.Context(), Target{Network: "tcp"}, Options{}.withDefaults(), 1)
	if got := r.runRule(budget, idle, nil).result; got.Verdict != Skip || got.Detail != "needs --long" {
		t.Errorf("got %s: %s, want that the rule needs --long", got.Verdict, got.Detail)
	}
}

// stores accepts everything and sends nothing back, in a synctest bubble.
func stores(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go io.Copy(io.Discard, server)
	return client, nil
}

// Nothing comes back, and that takes a large part of the budget to find out.
func TestAShortBudgetDoesNotMakeAServerHonestThatSendsNothingBack(t *testing.T) {
	for budget := 6 * time.Second; budget <= 60*time.Second; budget += 3 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			report, err := Run(t.Context(), Target{Network: "tcp", Dial: stores}, Options{
				Rules: []string{firstByte.ID, noUnsolicited.ID, chunking.ID}, Budget: budget, Anyway: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict() == Pass {
				t.Errorf("budget %v: got %s", budget, report.Summary())
			}
		})
	}
}

func TestAFailureIsNotHiddenByABudgetThatEndsBeforeTheRuleRunsAgain(t *testing.T) {
	budget, end := context.WithCancel(t.Context())
	end()
	rule := Rule{ID: "stream/test", run: func(p *probe) error { return p.ctx.Err() }}
	for _, tt := range []struct {
		class  Class
		strict bool
		want   Verdict
		detail string
	}{
		{Reset, false, Fail, "seen"},
		{Timeout, true, Fail, "seen"},
		{Timeout, false, Error, "timed out beside other rules, and to run again alone did not fit into the budget of 1m (--budget)"},
	} {
		r := newRunner(t.Context(), Target{Network: "tcp"}, Options{Strict: tt.strict}.withDefaults(), 1)
		err := failAt(0, tt.class, "seen")
		first := outcome{result: newResult(rule, "", err), samples: []sample{{err: err}}, mayRunAgain: true}
		if got := r.runAgain(budget, rule, first); got.Verdict != tt.want || got.Detail != tt.detail {
			t.Errorf("%s, strict %v: got %s: %s, want %s: %s", tt.class, tt.strict, got.Verdict, got.Detail, tt.want, tt.detail)
		}
	}
}

func TestTheBudgetEndsTheMeasurementOfThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 3 * time.Second
		report, err := Run(t.Context(), Target{Network: "tcp", Dial: stores}, Options{Rules: []string{firstByte.ID}, Budget: budget, Anyway: true})
		if err != nil {
			t.Fatal(err)
		}
		if report.Elapsed > budget {
			t.Errorf("the check took %v, want at most the budget of %v", report.Elapsed, budget)
		}
	})
}

// The budget ends while it is not yet known whether the target is an echo: then no rule can say
// anything, and nothing says that it is not one.
func TestTheBudgetEndsTheQuestionWhetherTheTargetIsAnEcho(t *testing.T) {
	const budget = 2 * time.Second
	options := Options{Rules: []string{firstByte.ID}, Budget: budget}
	late := func(context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			io.CopyN(io.Discard, server, identifyLen)
			time.Sleep(2 * budget)
			server.Close()
		}()
		return client, nil
	}
	for name, dial := range map[string]func(context.Context) (net.Conn, error){"silent": stores, "late": late} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			report, err := Run(t.Context(), Target{Network: "tcp", Dial: dial}, options)
			if err != nil {
				t.Fatal(err)
			}
			if elapsed := time.Since(start); elapsed > budget || report.NotEcho != nil {
				t.Fatalf("%s: got %q after %v, want no verdict on the target after the budget", name, report.Summary(), elapsed)
			}
			if got := report.Results[0]; got.Verdict != Skip || !isOverBudget(got.Detail) || report.Verdict() == Pass {
				t.Errorf("%s: got %s: %s", name, got.Verdict, got.Detail)
			}
			time.Sleep(time.Minute)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		unanswered := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		_, err := Run(t.Context(), Target{Network: "tcp", Dial: unanswered}, options)
		unreachable, ok := errors.AsType[*UnreachableError](err)
		if elapsed := time.Since(start); elapsed != budget || !ok || unreachable.Class != Timeout || !strings.Contains(err.Error(), "--budget") {
			t.Errorf("connects that are not answered: got %v after %v, want an UnreachableError that names the budget", err, elapsed)
		}
	})
}
