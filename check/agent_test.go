package check_test

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/internal/agent"
)

// agentRules are those that need the far end.
func agentRules() []string {
	var ids []string
	for _, r := range check.Rules() {
		if r.Agent {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// listen is a loopback listener that knows resets, which MPTCP does not.
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

// farEnd serves an agent until the test ends and returns its address.
func farEnd(t *testing.T, server *agent.Server) string {
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

// all is one verdict for every rule that needs the agent.
func all(v check.Verdict) map[string]check.Verdict {
	m := make(map[string]check.Verdict)
	for _, id := range agentRules() {
		m[id] = v
	}
	return m
}

func TestPathThatIsHonestPassesTheAgentsRules(t *testing.T) {
	report, err := check.Run(t.Context(), serve(t), check.Options{
		Rules: agentRules(), Agent: "tcp://" + farEnd(t, &agent.Server{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all(check.Pass), verdicts(report)); diff != "" {
		t.Errorf("verdicts differ (-want +got):\n%s", diff)
	}
	for _, r := range report.Results {
		t.Logf("%-22s %s %v %s", r.Rule, r.Verdict, r.Elapsed, r.Detail)
	}
}
