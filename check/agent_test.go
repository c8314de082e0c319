package check_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/internal/agent"
)

// agentRules returns the IDs of the TCP rules that need an agent.
func agentRules() []string {
	var ids []string
	for _, r := range check.Rules() {
		if slices.Contains(r.Needs, "--agent") && r.Fits("tcp") {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// listen returns a loopback listener without MPTCP, which changes resets.
func listen(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// startAgent serves an agent until the test ends and returns its address.
func startAgent(t *testing.T, server *agent.Server) string {
	t.Helper()
	ln := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	return ln.Addr().String()
}

// all returns one verdict for every rule that needs an agent.
func all(v check.Verdict) map[string]check.Verdict {
	m := make(map[string]check.Verdict)
	for _, id := range agentRules() {
		m[id] = v
	}
	return m
}

func TestAnHonestPathPassesTheRulesThatNeedAnAgent(t *testing.T) {
	t.Parallel()
	report, err := check.Run(t.Context(), serve(t), check.Options{
		Rules: agentRules(), Agent: "tcp://" + startAgent(t, &agent.Server{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all(check.Pass), verdicts(report)); diff != "" {
		t.Errorf("verdicts differ (-want +got):\n%s", diff)
	}
}

func TestRulesAreSkippedIfTheAgentCannotBeUsed(t *testing.T) {
	tests := []struct {
		name, agent, token string
		want               string
	}{
		{"none", "", "", "needs --agent"},
		{"not there", "tcp://" + freePort(t, "tcp"), "", "the agent cannot be reached: "},
		{"wants a token", "tcp://" + startAgent(t, &agent.Server{Token: agent.NewSecret("secret")}), "", "the agent needs a token"},
		{"wants another token", "tcp://" + startAgent(t, &agent.Server{Token: agent.NewSecret("secret")}), "sesame", "the token is wrong"},
		{"an echo", serve(t).String(), "", "not an agent: "},
		{"allows less", "tcp://" + startAgent(t, &agent.Server{Limits: agent.Limits{Time: time.Second}}), "", "the agent does not allow it: delay may be at most 900"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, err := check.Run(t.Context(), serve(t), check.Options{
				Rules: []string{"stream/first-byte", "stream/half-close-late"}, Agent: tt.agent, Token: tt.token,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]check.Verdict{"stream/first-byte": check.Pass, "stream/half-close-late": check.Skip}
			if diff := cmp.Diff(want, verdicts(report)); diff != "" {
				t.Errorf("verdicts differ (-want +got):\n%s", diff)
			}
			if got := report.Results[1].Detail; !strings.HasPrefix(got, tt.want) {
				t.Errorf("got reason %q, want one that begins with %q", got, tt.want)
			}
		})
	}
}

func TestTheURLOfAnAgentMustFit(t *testing.T) {
	for _, url := range []string{"localhost", "udp://localhost:7008", "tcp://localhost"} {
		_, err := check.Run(t.Context(), serve(t), check.Options{Agent: url})
		var usage *check.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a usage error", url, err)
		}
	}
	_, err := check.Run(t.Context(), serve(t), check.Options{AgentUDP: "tcp://localhost:7008"})
	var usage *check.UsageError
	if !errors.As(err, &usage) {
		t.Errorf("its UDP port on TCP: got %v, want a usage error", err)
	}
}

// path is how a proxy forwards the end of one direction: what it does to dst when src
// has ended.
type path func(src, dst *net.TCPConn, reset bool)

func honestPath(_, dst *net.TCPConn, reset bool) {
	if reset {
		dst.SetLinger(0)
		dst.Close()
		return
	}
	dst.CloseWrite()
}

// through starts a proxy before address, on loopback until the test ends.
func through(t *testing.T, address string, end path) string {
	t.Helper()
	ln := listen(t)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { forward(t.Context(), c.(*net.TCPConn), address, end) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		conns.Wait()
	})
	return ln.Addr().String()
}

// forward copies both directions until both have ended, or ctx has.
func forward(ctx context.Context, client *net.TCPConn, address string, end path) {
	defer client.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	release := context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})
	defer release()
	var directions sync.WaitGroup
	for _, d := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		directions.Go(func() {
			_, err := io.Copy(d[1], d[0])
			end(d[0], d[1], errors.Is(err, syscall.ECONNRESET))
		})
	}
	directions.Wait()
}

func TestBrokenPathsFailTheirRules(t *testing.T) {
	t.Parallel()
	closesBoth := func(src, dst *net.TCPConn, reset bool) {
		if reset {
			honestPath(src, dst, true)
			return
		}
		src.Close()
		dst.Close()
	}
	resetBecomesFin := func(src, dst *net.TCPConn, _ bool) { honestPath(src, dst, false) }
	finBecomesReset := func(src, dst *net.TCPConn, _ bool) { honestPath(src, dst, true) }
	dropsEnds := func(src, dst *net.TCPConn, reset bool) {}
	tests := []struct {
		name string
		end  path
		want map[string]check.Class
	}{
		{"honest", honestPath, nil},
		{"full close on half-close", closesBoth, map[string]check.Class{
			"stream/half-close-late": check.PrematureEOF,
			"stream/server-fin":      check.Reset,
		}},
		{"reset turned into a FIN", resetBecomesFin, map[string]check.Class{
			"stream/rst-to-server":  check.PrematureEOF,
			"stream/rst-to-client":  check.PrematureEOF,
			"stream/rst-after-data": check.PrematureEOF,
		}},
		{"FIN turned into a reset", finBecomesReset, map[string]check.Class{
			"stream/half-close-late": check.Reset,
			"stream/server-fin":      check.Reset,
		}},
		{"ends dropped", dropsEnds, map[string]check.Class{
			"stream/half-close-late": check.Silent,
			"stream/server-fin":      check.Silent,
			"stream/rst-to-server":   check.Silent,
			"stream/rst-to-client":   check.Silent,
			"stream/rst-after-data":  check.Silent,
			"stream/churn":           check.Silent,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := startAgent(t, &agent.Server{})
			report, err := check.Run(t.Context(), serve(t), check.Options{
				Rules: agentRules(), Agent: "tcp://" + through(t, address, tt.end), Timeout: 3 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]check.Class)
			for _, r := range report.Results {
				if r.Verdict != check.Pass {
					got[r.Rule] = r.Class
					t.Logf("%s: %s %s: %s", r.Rule, r.Verdict, r.Class, r.Detail)
				}
			}
			if tt.want == nil {
				tt.want = map[string]check.Class{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("failures differ (-want +got):\n%s", diff)
			}
		})
	}
}
