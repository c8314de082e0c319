package check_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
)

// dropInvalid drops packets that belong to no connection which the kernel tracks, as a stateful
// firewall does. Each setting is one of /proc/sys/net/netfilter, without nf_conntrack_tcp_, and
// its value.
func dropInvalid(t *testing.T, settings ...string) {
	t.Helper()
	configure(t, "iptables -A INPUT -m conntrack --ctstate INVALID -j DROP")
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_"+name, []byte(value), 0); err != nil {
			skip(t, "%v", err)
		}
	}
}

func TestAFirewallThatForgetsHalfClosedConnectionsIsFound(t *testing.T) {
	t.Parallel() // the parent waits for its child
	if !inNewNetwork(t) {
		return
	}
	dropInvalid(t, "loose=0", "timeout_fin_wait=3", "timeout_close_wait=3")
	o := check.Options{Agent: "tcp://" + startAgent(t, &agent.Server{}), Timeout: time.Second}
	got := check.RunLateAnswers(t.Context(), o, []time.Duration{300 * time.Millisecond, 5 * time.Second}, time.Second)
	wantDetail(t, got, check.Fail, check.Silent, `^lost with keepalive off, between 300ms and 5s after the FIN; passes with keepalive every 1s at both ends`)
	if got.Evidence != check.KeepaliveHelps {
		t.Errorf("got the evidence %q, want %q", got.Evidence, check.KeepaliveHelps)
	}
}

// While the client reads nothing, only probes of its window pass, further and further apart.
func TestAFirewallThatForgetsStalledConnectionsIsFound(t *testing.T) {
	t.Parallel()
	if !inNewNetwork(t) {
		return
	}
	dropInvalid(t, "loose=0", "timeout_established=2", "timeout_unacknowledged=2", "timeout_max_retrans=2")
	got := runRule(t, echotest.NewServer(t).URL(), "stream/zero-window", check.Options{Stall: 7 * time.Second, Timeout: 3 * time.Second})
	wantDetail(t, got, check.Fail, check.Timeout, "nothing arrived for 3s after ")
	if want := "a firewall or NAT forgets a connection"; !strings.Contains(got.Cause, want) {
		t.Errorf("got the cause %q, want %q", got.Cause, want)
	}
}

// The tracking does not see the answer to the SYN, so what follows is INVALID.
func TestAFirewallThatSeesOneDirectionIsNotTakenForAServerThatIsSilent(t *testing.T) {
	t.Parallel()
	if !inNewNetwork(t) {
		return
	}
	target := parse(t, echotest.NewServer(t).URL())
	dropInvalid(t)
	_, port, _ := strings.Cut(target.Address, ":")
	for _, chain := range []string{"PREROUTING", "OUTPUT"} {
		configure(t, "iptables -t raw -A "+chain+" -p tcp --sport "+port+" -j NOTRACK")
	}
	report, err := check.Run(t.Context(), target, check.Options{Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if n := report.NotEcho; n == nil || !strings.Contains(n.Detail, "not acknowledged") || !strings.Contains(n.Remedy, "asymmetric routing") {
		t.Errorf("got %+v, want that nothing is acknowledged", n)
	}
}
