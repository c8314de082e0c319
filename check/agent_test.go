package check_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
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
