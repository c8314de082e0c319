package check_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/internal/agent"
)

// The NAT is the connection tracking of the kernel: a relay in user space does not see
// keepalive probes. As with a Kubernetes service, clients connect to another port than the
// agent's, and an answer that the NAT does not know comes from the wrong port.
func runBehindNAT(t *testing.T, closeWait string) check.Result {
	t.Helper()
	address := startAgent(t, &agent.Server{})
	_, port, _ := net.SplitHostPort(address)
	configure(t, "iptables -t nat -A OUTPUT -p tcp --dport 7 -j REDIRECT --to-ports "+port)
	const setting = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait"
	if err := os.WriteFile(setting, []byte(closeWait), 0); err != nil {
		skip(t, "%v", err)
	}
	o := check.Options{Agent: "tcp://127.0.0.1:7", Timeout: time.Second}
	delays := []time.Duration{300 * time.Millisecond, 5 * time.Second}
	return check.RunLateAnswers(t.Context(), o, delays, time.Second)
}

func TestHalfCloseLateTellsThatKeepaliveHelps(t *testing.T) {
	t.Parallel() // the parent waits for its child
	if !inNewNetwork(t) {
		return
	}
	got := runBehindNAT(t, "3")
	wantDetail(t, got, check.Fail, check.Silent, `^lost with keepalive off, between 300ms and 5s after the FIN; passes with keepalive every 1s at both ends, up to 5s after the FIN$`)
	for _, word := range []string{"nf_conntrack_tcp_timeout_close_wait", "fin_wait", "TCP keepalive", "TCP_KEEPIDLE"} {
		if !strings.Contains(got.Cause+got.Remedy, word) {
			t.Errorf("got the cause %q and the remedy %q, want one that names %s", got.Cause, got.Remedy, word)
		}
	}
	if got.Evidence != check.KeepaliveHelps {
		t.Errorf("got the evidence %q, want %q", got.Evidence, check.KeepaliveHelps)
	}
}

func TestHalfCloseLatePassesANATWithALongTimeout(t *testing.T) {
	t.Parallel()
	if !inNewNetwork(t) {
		return
	}
	wantDetail(t, runBehindNAT(t, "60"), check.Pass, "", `^passes with keepalive off, up to 5s after the FIN; passes with keepalive every 1s at both ends, up to 5s after the FIN$`)
}
