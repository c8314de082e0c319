package ping_test

import (
	"context"
	"net"
	"testing"
	"time"

	"echod/internal/ping"
)

// TestStaleEntryOfANATIsReplaced: the kernel's NAT leads a flow to a server that goes, while new flows
// get another one. The probes themselves keep the old entry alive (conntrack).
func TestStaleEntryOfANATIsReplaced(t *testing.T) {
	for name, goes := range map[string]func(n *network, server net.PacketConn){
		"silently": func(n *network, _ net.PacketConn) {
			n.configure(t, "iptables -A INPUT -p udp --dport 7001 -j DROP")
		},
		"with ICMP messages": func(_ *network, server net.PacketConn) { server.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.configure(t, "ip link set lo up", "iptables -t nat -A OUTPUT -p udp --dport 7007 -j DNAT --to-destination 127.0.0.1:7001")
			first := echoIn(t, n, "127.0.0.1:7001")
			echoIn(t, n, "127.0.0.1:7002")
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			target := ping.Target{Network: "udp", Address: "127.0.0.1:7007"}
			target.Via = func(ctx context.Context) (conn net.Conn, err error) {
				n.run(func() error { conn, err = new(net.Dialer).DialContext(ctx, "udp", target.Address); return nil })
				return conn, err
			}
			var got events
			config := got.config(target, 0)
			config.Interval, config.Timeout = 20*time.Millisecond, 600*time.Millisecond
			answered, lost, healed := 0, 0, false
			config.OnProbe = func(p ping.Probe) {
				switch p.Fate {
				case ping.Lost:
					lost++
				case ping.Answered:
					answered++
				}
				if answered == 3 && lost == 0 && !healed {
					answered++
					n.configure(t, "iptables -t nat -F OUTPUT", "iptables -t nat -A OUTPUT -p udp --dport 7007 -j DNAT --to-destination 127.0.0.1:7002")
					goes(n, first)
				}
			}
			config.OnConn = func(e ping.ConnEvent) {
				if e.Stale {
					healed = true
					cancel()
				}
			}
			prober, err := ping.New(config)
			if err != nil {
				t.Fatal(err)
			}
			prober.Run(ctx)
			if !healed || lost == 0 || answered < 7 {
				t.Errorf("%d answered, %d lost, a stale flow was found: %v; want some lost, and then answers on a new flow", answered, lost, healed)
			}
		})
	}
}

// echoIn answers datagrams at an address of a network until the test ends.
func echoIn(t *testing.T, n *network, address string) (socket net.PacketConn) {
	t.Helper()
	if err := n.run(func() (err error) { socket, err = net.ListenPacket("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	echoUntilTheEnd(t, socket, unchanged)
	return socket
}
