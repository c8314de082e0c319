package check_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

// serve echoes honestly on loopback until the test ends.
func serve(t *testing.T) check.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return check.Target{Network: "tcp", Address: l.Addr().String()}
}

// verdicts returns the verdicts of a report by rule.
func verdicts(report *check.Report) map[string]check.Verdict {
	m := make(map[string]check.Verdict)
	for _, r := range report.Results {
		m[r.Rule] = r.Verdict
	}
	return m
}

func TestRunRunsOnlyTheChosenRules(t *testing.T) {
	report, err := check.Run(t.Context(), serve(t), check.Options{
		Rules: []string{"stream/f*", "stream/half-close"},
		Skip:  []string{"stream/fin-only"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]check.Verdict{"stream/first-byte": check.Pass, "stream/half-close": check.Pass}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("results differ (-want +got):\n%s", diff)
	}
	if report.Seed() == 0 {
		t.Error("the report has no seed")
	}
}

func TestRunRefusesUnknownRulesAndNetworks(t *testing.T) {
	tests := []struct {
		name    string
		target  check.Target
		options check.Options
		want    string
	}{
		{"unknown rule", check.Target{Network: "tcp"}, check.Options{Rules: []string{"stream/half-closed"}},
			"unknown rule stream/half-closed: did you mean stream/half-close?"},
		{"unknown rule without its family", check.Target{Network: "tcp"}, check.Options{Skip: []string{"chunkig"}},
			"unknown rule chunkig: did you mean stream/chunking?"},
		{"bad glob", check.Target{Network: "tcp"}, check.Options{Rules: []string{"stream/[slow-reader"}},
			"unknown rule stream/[slow-reader: did you mean stream/slow-reader?"},
		{"unknown rule like none", check.Target{Network: "tcp"}, check.Options{Rules: []string{"stream/banana"}},
			"unknown rule stream/banana: want the ID of a rule or a pattern, e.g. stream/*"},
		{"rule of another network", check.Target{Network: "udp"}, check.Options{Rules: []string{"stream/*"}},
			"no rule is left for udp: streams have stream/*, udp has datagram/*"},
		{"unknown network", check.Target{Network: "sctp"}, check.Options{},
			`unknown network "sctp": want tcp, tls, unix or udp`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := check.Run(t.Context(), tt.target, tt.options)
			var usage *check.UsageError
			if !errors.As(err, &usage) || err.Error() != tt.want {
				t.Errorf("got %v, want the usage error %q", err, tt.want)
			}
		})
	}
}

// wholeOnly is a connection that cannot be half-closed.
type wholeOnly struct{ net.Conn }

func TestRulesThatHalfCloseAreSkippedIfTheConnectionCannot(t *testing.T) {
	target := serve(t)
	address := target.Address
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		return wholeOnly{c}, err
	}
	report, err := check.Run(t.Context(), target, check.Options{
		Rules: []string{"stream/half-close*", "stream/fin-only", "stream/close-latency", "stream/chunking"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]check.Verdict{
		"stream/chunking":        check.Pass,
		"stream/half-close":      check.Skip,
		"stream/half-close-late": check.Skip,
		"stream/half-close-owed": check.Skip,
		"stream/fin-only":        check.Skip,
		"stream/close-latency":   check.Skip,
	}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("results differ (-want +got):\n%s", diff)
	}
	if got := report.Verdict(); got != check.Pass {
		t.Errorf("got verdict %s, want pass", got)
	}
	if got := report.Command("stream/chunking"); got != "" {
		t.Errorf("got %q, want no command line: none can name a Dial", got)
	}
}

func TestAnInterruptedRunReportsItsResults(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report, err := check.Run(ctx, serve(t), check.Options{
		Rules:    []string{"stream/first-byte", "stream/no-unsolicited"},
		Parallel: 1,
		Progress: func(p check.Progress) {
			if p.Result != nil {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
	want := map[string]check.Verdict{"stream/first-byte": check.Pass, "stream/no-unsolicited": check.Error}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("results differ (-want +got):\n%s", diff)
	}
	if got := report.Results[1].Detail; got != "interrupted" || !report.Interrupted {
		t.Errorf("got detail %q and Interrupted %t, want \"interrupted\" and true", got, report.Interrupted)
	}
}

// failAfter lets the first n connections through and fails the others by err.
func failAfter(n int, target check.Target, err error) func(context.Context) (net.Conn, error) {
	var mu sync.Mutex
	return func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, target.Network, target.Address)
	}
}

func TestAServerThatIsGoneIsInconclusive(t *testing.T) {
	target := serve(t)
	for conns := 1; conns <= 2; conns++ { // to reach and identify the target
		target.Dial = failAfter(conns, check.Target{Network: "tcp", Address: target.Address}, net.UnknownNetworkError("gone"))
		report, err := check.Run(t.Context(), target, check.Options{Rules: []string{"stream/first-byte"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Verdict(); got != check.Error || report.NotEcho != nil {
			t.Errorf("after %d connections: got %s, %v, want error: the result is inconclusive", conns, got, report.NotEcho)
		}
	}
}

func TestAServerThatRunsOutOfConnectionsFailsConcurrency(t *testing.T) {
	t.Parallel()
	target := serve(t)
	// One that stalls, and seven of the ten.
	target = failsAbove(1+7, target, &net.OpError{Op: "dial", Err: errTimeout{}})
	report, err := check.Run(t.Context(), target, check.Options{Rules: []string{"stream/concurrency"}, Conns: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := report.Results[0]
	if got.Verdict != check.Fail || got.Class != check.Timeout {
		t.Errorf("got %s %s (%s), want fail timeout", got.Verdict, got.Class, got.Detail)
	}
	if want := "10 clients: 3 of 10 failed, the first with: a connection could not be made: "; !strings.HasPrefix(got.Detail, want) {
		t.Errorf("got detail %q, want one that begins with %q", got.Detail, want)
	}
}

type errTimeout struct{}

func (errTimeout) Error() string   { return "took too long" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return false }

func TestAnUnreachableTargetIsOneError(t *testing.T) {
	t.Parallel()
	closed := func(network string) check.Target {
		return check.Target{Network: network, Address: freePort(t, network)}
	}
	dial := func(network string, err error) check.Target {
		return check.Target{Network: network, Dial: func(context.Context) (net.Conn, error) { return nil, err }}
	}
	tests := []struct {
		name   string
		target check.Target
		want   check.Class
	}{
		{"closed tcp port", closed("tcp"), check.Refused},
		{"closed udp port", closed("udp"), check.Refused},
		{"no such socket", check.Target{Network: "unix", Address: t.TempDir() + "/none"}, check.Refused},
		{"silent udp port", mute(t), check.Timeout},
		{"unknown name", dial("tcp", &net.DNSError{Err: "no such host", Name: "nowhere.test", IsNotFound: true}), check.DNS},
		{"no answer", dial("tcp", errTimeout{}), check.Timeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(t.Context(), tt.target, check.Options{Timeout: time.Second})
			var unreachable *check.UnreachableError
			if !errors.As(err, &unreachable) {
				t.Fatalf("got %v, want an UnreachableError", err)
			}
			if unreachable.Class != tt.want {
				t.Errorf("got class %s (%v), want %s", unreachable.Class, err, tt.want)
			}
			if report != nil {
				t.Error("got a report of an unreachable target")
			}
		})
	}
}

// skip skips a test that cannot run on this machine. With ECHOD_REQUIRE it fails.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ECHOD_REQUIRE") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

var ownAddresses atomic.Uint32

// ownAddress returns a loopback address with port 0 for a listener that is closed while the test
// goes on. On Linux its IP address is new each time: the kernel may give a free port to another
// test, which would answer.
func ownAddress() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0"
	}
	n := ownAddresses.Add(1)
	return fmt.Sprintf("127.77.%d.%d:0", n/250%250, n%250+2)
}

// freePort returns an address on loopback on which nothing listens.
func freePort(t *testing.T, network string) string {
	t.Helper()
	address := ownAddress()
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.LocalAddr().String()
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// mute returns a UDP target that receives everything and answers nothing.
func mute(t *testing.T) check.Target {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return check.Target{Network: "udp", Address: conn.LocalAddr().String()}
}

func TestProgressCountsFinishedRules(t *testing.T) {
	type step struct {
		Result      string
		Done, Total int
		Running     []string
	}
	var got []step
	_, err := check.Run(t.Context(), serve(t), check.Options{
		Rules:    []string{"stream/first-byte", "stream/fin-only"},
		Parallel: 1,
		Progress: func(p check.Progress) {
			now := step{Done: p.Done, Total: p.Total, Running: p.Running}
			if p.Result != nil {
				now.Result = p.Result.Rule
			}
			got = append(got, now)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []step{
		{"", 0, 2, []string{"stream/first-byte"}},
		{"stream/first-byte", 1, 2, []string{}},
		{"", 1, 2, []string{"stream/fin-only"}},
		{"stream/fin-only", 2, 2, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// A rule that timed out beside others runs again alone. It starts twice and is counted
// once.
func TestProgressCountsARuleThatRunsTwiceOnce(t *testing.T) {
	t.Parallel()
	echo := serve(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	var started []string
	var done, total int
	dialed := make(chan struct{}, 100)
	echo.Dial = func(ctx context.Context) (net.Conn, error) {
		to := echo.Address
		if len(dialed) >= 2 { // the first two find out that the target is an echo
			to = mute.Addr().String()
		}
		dialed <- struct{}{}
		return new(net.Dialer).DialContext(ctx, "tcp", to)
	}
	_, err = check.Run(t.Context(), echo, check.Options{
		Rules: []string{"stream/half-close", "stream/fin-only"}, Parallel: 2, Timeout: time.Second,
		Progress: func(p check.Progress) {
			done, total = p.Done, p.Total
			if n := len(p.Running); p.Result == nil {
				started = append(started, p.Running[n-1])
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(started)
	want := []string{"stream/fin-only", "stream/fin-only", "stream/half-close", "stream/half-close"}
	if diff := cmp.Diff(want, started); diff != "" {
		t.Errorf("started rules (-want +got):\n%s", diff)
	}
	if done != 2 || total != 2 {
		t.Errorf("got %d of %d in the end, want 2 of 2", done, total)
	}
}
