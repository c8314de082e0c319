package check_test

import (
	"maps"
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

func TestHalfCloseLateSetsKeepaliveAtBothEnds(t *testing.T) {
	t.Parallel()
	if !inNewNetwork(t) {
		return
	}
	o := check.Options{Agent: "tcp://" + startAgent(t, &agent.Server{}), Timeout: 10 * time.Second}
	done := make(chan check.Result)
	go func() {
		done <- check.RunLateAnswers(t.Context(), o, []time.Duration{2 * time.Second}, time.Second)
	}()
	// Two connections: one has keepalive, the other does not.
	want := map[string]int{"client, off": 1, "client, on": 1, "agent, off": 1, "agent, on": 1}
	for got := (map[string]int{}); !maps.Equal(got, want); got = halfClosed(t) {
		select {
		case result := <-done:
			t.Fatalf("got %v half-closed, want %v; %s: %s", got, want, result.Verdict, result.Detail)
		case <-time.After(10 * time.Millisecond):
		}
	}
	wantDetail(t, <-done, check.Pass, "", "")
}

// halfClosed counts the half-closed sockets of this network by their end and by their
// keepalive timer, as /proc/net/tcp shows them (proc_net_tcp.txt in the kernel's
// documentation).
func halfClosed(t *testing.T) map[string]int {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		end := map[string]string{"05": "client", "08": "agent"}[fields[3]] // FIN-WAIT-2, CLOSE-WAIT
		keepAlive := map[string]string{"00": "off", "02": "on"}[fields[5][:2]]
		if end != "" {
			count[end+", "+keepAlive]++
		}
	}
	return count
}

func TestHalfCloseLatePassesANATWithALongTimeout(t *testing.T) {
	t.Parallel()
	if !inNewNetwork(t) {
		return
	}
	wantDetail(t, runBehindNAT(t, "60"), check.Pass, "", `^passes with keepalive off, up to 5s after the FIN; passes with keepalive every 1s at both ends, up to 5s after the FIN$`)
}
