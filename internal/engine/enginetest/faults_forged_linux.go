package enginetest

import (
	"fmt"
	"net/netip"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
)

// forgedCases try what forged datagrams do, and firewalls.
var forgedCases = []testCase{
	{
		name:    "port 0, low ports and own addresses are not answered",
		promise: "U3: a datagram that could start a loop is dropped and counted",
		on:      "udp",
		run:     forgedPorts,
	},
	{
		name:    "multicast and broadcast are not answered",
		promise: "U3: one datagram is never answered by many, nor does an answer go to many",
		on:      "udp",
		run:     forgedBroadcasts,
	},
	{
		name:    "the broadcast address of a network that came later is not answered",
		promise: "U3: one answer never goes to many, also where the guard does not know the network",
		on:      "udp",
		run:     forgedLateBroadcast,
	},
	{
		name:    "two echo services set on each other fall silent",
		promise: "U5: a loop is capped, then muted",
		on:      "udp",
		run:     forgedLoop,
	},
	{
		name:    "an answer that a firewall refuses is dropped and counted",
		promise: "P1, P7: EPERM on sending costs that answer alone and is counted",
		on:      "udp",
		run:     refusedAnswer,
	},
	{
		name:    "the answer comes from the address that was asked",
		promise: "U1: an answer leaves from the exact address and port that the datagram arrived on",
		on:      "udp",
		run:     askedOnEveryAddress,
	},
}

func forgedPorts(t trial) {
	s := t.serve(engine.Config{Listeners: []engine.Listener{t.anywhere("udp"), t.anywhere("udp")}})
	here, other := s.Listeners()[0].Addr, s.Listeners()[1].Addr
	f := t.forge()
	dropped := make(map[echo.Drop]uint64)
	for _, forged := range []struct {
		port uint16
		want echo.Drop
	}{
		{0, echo.DropPortZero},
		{here.Port(), echo.DropOwn},
		{other.Port(), echo.DropOwn},
		{1, echo.DropLowPort},
		{7, echo.DropLowPort},
		{13, echo.DropLowPort},
		{19, echo.DropLowPort},
		{53, echo.DropLowPort},
		{123, echo.DropLowPort},
		{1023, echo.DropLowPort},
	} {
		f.send(netip.AddrPortFrom(here.Addr(), forged.port), here, "hello")
		dropped[forged.want]++
		t.wantDatagrams(s, 0, dropped)
	}
	t.ask(here).wantEcho(5)
	t.wantDatagrams(s, 1, dropped)
}

func forgedBroadcasts(t trial) {
	t.ownNetwork(
		"ip link add name here type veth peer name there",
		"ip addr add 192.0.2.1/24 dev here",
		"ip link set here up",
		"ip link set there up",
	)
	guard := echo.NewGuard(echo.GuardConfig{Local: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}, Guard: guard})
	f, port := t.forgeOn("there"), s.spec.Addr.Port()
	send := func(from, to string) {
		t.Helper()
		f.send(netip.AddrPortFrom(netip.MustParseAddr(from), 40000), netip.AddrPortFrom(netip.MustParseAddr(to), port), "hello")
	}
	dropped := make(map[echo.Drop]uint64)
	for to, want := range map[string]echo.Drop{
		"255.255.255.255": echo.DropBroadcast,
		"192.0.2.255":     echo.DropBroadcast,
		"224.0.0.1":       echo.DropMulticast,
	} {
		send("192.0.2.9", to)
		dropped[want]++
		t.wantDatagrams(s, 0, dropped)
	}
	// The kernel stops these by itself, if it can be relied on.
	for _, from := range []string{"255.255.255.255", "192.0.2.255", "224.0.0.1", "0.0.0.0"} {
		send(from, "255.255.255.255")
	}
	t.askAt("192.0.2.1", port).wantEcho(5)
	st := s.waitFor("an answer is counted", func(st engine.Stats) bool { return st.DatagramsOut > 0 })
	if got := st.DatagramsOut; got != 1 {
		t.Errorf("got %d answers, want 1, to the one who may ask", got)
	}
}

// forgedLateBroadcast relies on the kernel to refuse the answer: sending to a
// broadcast address needs SO_BROADCAST (ip(7)).
func forgedLateBroadcast(t trial) {
	t.ownNetwork(
		"ip link add name here type veth peer name there",
		"ip link set here up",
		"ip link set there up",
		// With it, the kernel would drop the datagram for its source.
		"sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.here.rp_filter=0",
	)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.configure("ip addr add 192.0.2.1/24 brd 192.0.2.255 dev here")
	f, port := t.forgeOn("there"), s.spec.Addr.Port()
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)
	f.send(netip.MustParseAddrPort("192.0.2.255:40000"), to, "hello")
	t.wantDatagrams(s, 0, map[echo.Drop]uint64{echo.DropRefused: 1})
	t.ask(to).wantEcho(5)
	t.wantDatagrams(s, 1, map[echo.Drop]uint64{echo.DropRefused: 1})
}

func forgedLoop(t trial) {
	t.ownNetwork("ip addr add 192.0.2.1/24 dev lo", "ip addr add 192.0.2.2/24 dev lo")
	a := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("192.0.2.1")}})
	b := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("192.0.2.2")}})
	t.forge().send(b.spec.Addr, a.spec.Addr, "loop")
	t.wantDatagrams(a, echo.LoopRepeats-1, map[echo.Drop]uint64{echo.DropMuted: 1})
	t.wantDatagrams(b, echo.LoopRepeats-1, nil)

	t.forge().send(b.spec.Addr, a.spec.Addr, "loop")
	t.wantDatagrams(a, echo.LoopRepeats-1, map[echo.Drop]uint64{echo.DropMuted: 2})
}

func refusedAnswer(t trial) {
	t.ownNetwork()
	s := t.serve(engine.Config{})
	refused, heard := t.ask(s.spec.Addr), t.ask(s.spec.Addr)
	t.configure(fmt.Sprintf("iptables -w -A OUTPUT -p udp --dport %d -j DROP", refused.addr().Port()))
	for n := range uint64(3) {
		refused.send(5)
		t.wantDatagrams(s, n, map[echo.Drop]uint64{echo.DropRefused: n + 1})
		heard.wantEcho(5)
	}
	t.configure("iptables -w -F OUTPUT")
	refused.wantEcho(5)
	t.wantDatagrams(s, 4, map[echo.Drop]uint64{echo.DropRefused: 3})
}

func askedOnEveryAddress(t trial) {
	v4 := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"} {
		t.askAt(addr, v4.spec.Addr.Port()).wantEcho(5)
	}
	both := everyAddress("::")
	both.Spec.Host = ""
	dual := t.serve(engine.Config{Listeners: []engine.Listener{both}})
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		t.askAt(addr, dual.spec.Addr.Port()).wantEcho(5)
	}
}

// askAt makes an asker of the server at addr and port.
func (t trial) askAt(addr string, port uint16) *asker {
	t.Helper()
	return t.ask(netip.AddrPortFrom(netip.MustParseAddr(addr), port))
}

// everyAddress is a datagram listener on any port of an address.
func everyAddress(addr string) engine.Listener {
	return engine.Listener{Spec: sock.Spec{Network: "udp", Host: addr, Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 0)}}
}
