package enginetest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
)

// forgedCases test forged datagrams and firewalls.
var forgedCases = []testCase{
	{
		name:    "source port 0, ports below 1024 and own addresses are not answered",
		promise: "U3: a datagram that could start a loop is dropped and counted",
		on:      "udp",
		run:     forgedPorts,
	},
	{
		name:    "multicast and broadcast datagrams are not answered",
		promise: "U3: a datagram to many hosts is not answered, and no answer goes to many hosts",
		on:      "udp",
		run:     forgedBroadcasts,
	},
	{
		name:    "the broadcast address of a network that was added later is not answered",
		promise: "U3: no answer goes to many hosts, even if the guard does not know the network",
		on:      "udp",
		run:     forgedLateBroadcast,
	},
	{
		name:    "a loop between two echo services is muted",
		promise: "U5: identical datagrams one after the other are muted",
		on:      "udp",
		run:     forgedLoop,
	},
	{
		name:    "an answer that a firewall refuses is dropped and counted",
		promise: "P1, P7: EPERM on sending drops one answer and is counted",
		on:      "udp",
		run:     refusedAnswer,
	},
	{
		name:    "the answer comes from the address that the datagram was sent to",
		promise: "U1: an answer leaves from the address and port that the datagram was sent to",
		on:      "udp",
		run:     answeredFromEveryAddress,
	},
}

func forgedPorts(t trial) {
	s := t.serve(engine.Config{Listeners: []engine.Listener{t.listener("udp"), t.listener("udp")}})
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
	t.dialDatagram(here).wantEcho(5)
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
	// The kernel is expected to drop these itself.
	for _, from := range []string{"255.255.255.255", "192.0.2.255", "224.0.0.1", "0.0.0.0"} {
		send(from, "255.255.255.255")
	}
	t.dialDatagramAt("192.0.2.1", port).wantEcho(5)
	st := s.waitFor("an answer is counted", func(st engine.Stats) bool { return st.DatagramsOut > 0 })
	if got := st.DatagramsOut; got != 1 {
		t.Errorf("got %d answers, want 1, to the valid source", got)
	}
}

// forgedLateBroadcast relies on the kernel to refuse the answer: sending to a
// broadcast address needs SO_BROADCAST (ip(7)).
func forgedLateBroadcast(t trial) {
	t.ownNetwork(
		"ip link add name here type veth peer name there",
		"ip link set here up",
		"ip link set there up",
		// Else the kernel would drop the datagram because of its source.
		"sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.here.rp_filter=0",
	)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.configure("ip addr add 192.0.2.1/24 brd 192.0.2.255 dev here")
	f, port := t.forgeOn("there"), s.spec.Addr.Port()
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)
	f.send(netip.MustParseAddrPort("192.0.2.255:40000"), to, "hello")
	t.wantDatagrams(s, 0, map[echo.Drop]uint64{echo.DropRefused: 1})
	t.dialDatagram(to).wantEcho(5)
	t.wantDatagrams(s, 1, map[echo.Drop]uint64{echo.DropRefused: 1})
}

func forgedLoop(t trial) {
	t.ownNetwork("ip addr add 192.0.2.1/24 dev lo", "ip addr add 192.0.2.2/24 dev lo")
	a := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("192.0.2.1")}})
	b := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("192.0.2.2")}})
	t.forge().send(b.spec.Addr, a.spec.Addr, "loop")
	// The machine may pause for so long that one of them begins to count again.
	muted := func(s *server) uint64 { return s.Stats().Drops[echo.DropMuted] }
	for n, over := uint64(0), false; !over && n < 20*echo.LoopRepeats; n += 100 { // each hundred has a wait of its own
		a.waitFor(fmt.Sprintf("the loop has ended, or made %d turns", n), func(st engine.Stats) bool {
			over = muted(a)+muted(b) > 0
			return over || st.DatagramsIn >= n
		})
	}
	ends, from := a, b
	if muted(a) == 0 {
		ends, from = b, a
	}
	answered := ends.waitFor("the loop has ended", func(st engine.Stats) bool { return st.DatagramsIn > st.DatagramsOut }).DatagramsOut
	if answered < echo.LoopRepeats-1 {
		t.Errorf("got %d answers, want at least %d", answered, echo.LoopRepeats-1)
	}
	t.wantDatagrams(ends, answered, map[echo.Drop]uint64{echo.DropMuted: 1})

	t.wantDatagrams(from, from.Stats().DatagramsIn, nil)
	t.forge().send(from.spec.Addr, ends.spec.Addr, "loop")
	t.wantDatagrams(ends, answered, map[echo.Drop]uint64{echo.DropMuted: 2})
}

func refusedAnswer(t trial) {
	t.ownNetwork()
	s := t.serve(engine.Config{})
	refused, answered := t.dialDatagram(s.spec.Addr), t.dialDatagram(s.spec.Addr)
	t.configure(fmt.Sprintf("iptables -w -A OUTPUT -p udp --dport %d -j DROP", refused.addr().Port()))
	for n := range uint64(3) {
		refused.send(5)
		t.wantDatagrams(s, n, map[echo.Drop]uint64{echo.DropRefused: n + 1})
		answered.wantEcho(5)
	}
	t.configure("iptables -w -F OUTPUT")
	refused.wantEcho(5)
	t.wantDatagrams(s, 4, map[echo.Drop]uint64{echo.DropRefused: 3})
}

func answeredFromEveryAddress(t trial) {
	v4 := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"} {
		t.dialDatagramAt(addr, v4.spec.Addr.Port()).wantEcho(5)
	}
	both := everyAddress("::")
	both.Spec.Host = ""
	dual := t.serve(engine.Config{Listeners: []engine.Listener{both}})
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		t.dialDatagramAt(addr, dual.spec.Addr.Port()).wantEcho(5)
	}
}

// dialDatagramAt returns a client for addr and port.
func (t trial) dialDatagramAt(addr string, port uint16) *datagramClient {
	t.Helper()
	return t.dialDatagram(netip.AddrPortFrom(netip.MustParseAddr(addr), port))
}

// everyAddress returns a datagram listener on a free port of an address.
func everyAddress(addr string) engine.Listener {
	return engine.Listener{Spec: sock.Spec{Network: "udp", Host: addr, Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 0)}}
}

// linkCases test by which interface an answer leaves.
var linkCases = []testCase{
	{
		name:    "an answer to a link-local address leaves by the interface of arrival",
		promise: "U1: the answer reaches the client, even if the routing table has its address on another link",
		on:      "udp",
		run:     answeredOnTheLink,
	},
	{
		name:    "an answer to a routed address leaves by the routing table",
		promise: "U1: the routing table decides by which interface an answer leaves",
		on:      "udp",
		run:     answeredByTheRoute,
	},
	{
		name:    "an answer to a link-local IPv6 address leaves by its link",
		promise: "U1: an answer leaves from the address that the datagram was sent to",
		on:      "udp",
		run:     answeredOnTheLinkV6,
	},
	{
		name:    "a socket that is bound to a device answers by that device",
		promise: "U1: the answer reaches the client, with an inherited socket too",
		on:      "udp",
		run:     answeredByTheDevice,
	},
}

// twoLinks makes a network namespace with two links. This machine has 192.0.2.1 on the
// link red and 192.0.2.2 on blue. Their other ends are red1 and blue1.
func (t trial) twoLinks(setup ...string) {
	t.Helper()
	t.ownNetwork("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
	for _, line := range []string{
		"ip link add name red type veth peer name red1",
		"ip link add name blue type veth peer name blue1",
		"ip addr add 192.0.2.1/32 dev red",
		"ip addr add 192.0.2.2/32 dev blue",
		"ip link set red up", "ip link set red1 up", "ip link set blue up", "ip link set blue1 up",
	} {
		t.configure(line)
	}
	for _, line := range setup {
		t.configure(line)
	}
}

// addNeighbor gives addr a MAC address on both links, so that a datagram to it can leave
// by either of them.
func (t trial) addNeighbor(addr string) {
	t.Helper()
	t.configure("ip neigh add " + addr + " lladdr 02:00:00:00:00:09 dev red nud permanent")
	t.configure("ip neigh add " + addr + " lladdr 02:00:00:00:00:09 dev blue nud permanent")
}

// answeredOnTheLink has a client on blue, while the routing table has its network,
// 169.254.0.0/16, on red.
func answeredOnTheLink(t trial) {
	const client = "169.254.1.9"
	t.twoLinks("ip route add 169.254.0.0/16 dev red")
	t.addNeighbor(client)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.wantAnswerOn("blue1", "blue1", client, s)
	t.wantAnswerOn("red1", "red1", client, s)
}

// answeredByTheRoute has a client whose datagrams arrive on blue, while its network is
// behind red.
func answeredByTheRoute(t trial) {
	const client = "198.51.100.9"
	t.twoLinks("ip route add 198.51.100.0/24 dev red")
	t.addNeighbor(client)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.wantAnswerOn("blue1", "red1", client, s)
}

func answeredByTheDevice(t trial) {
	const client = "198.51.100.9"
	t.twoLinks("ip route add 198.51.100.0/24 dev red", "ip route add 198.51.100.0/24 dev blue metric 9")
	t.addNeighbor(client)
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		c.Control(func(fd uintptr) { failed = syscall.BindToDevice(int(fd), "blue") })
		return os.NewSyscallError("setsockopt SO_BINDTODEVICE", failed)
	}}
	conn, err := config.ListenPacket(context.Background(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.UDPConn).File()
	conn.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	spec, err := sock.SpecOf(file)
	if err != nil {
		t.Fatal(err)
	}
	s := t.serve(engine.Config{Listeners: []engine.Listener{{Spec: spec, File: file}}})
	t.wantAnswerOn("blue1", "blue1", client, s)
}

func answeredOnTheLinkV6(t trial) {
	t.twoLinks(
		"ip -6 addr add fe80::1/64 dev red nodad", "ip -6 addr add fe80::9/64 dev red1 nodad",
		"ip -6 addr add fe80::1/64 dev blue nodad", "ip -6 addr add fe80::9/64 dev blue1 nodad",
	)
	both := everyAddress("::")
	both.Spec.Host = ""
	s := t.serve(engine.Config{Listeners: []engine.Listener{both}})
	for _, from := range []string{"red1", "blue1"} {
		link, err := net.InterfaceByName(from)
		if err != nil {
			t.Fatal(err)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%"+strconv.Itoa(link.Index)), s.spec.Addr.Port())
		t.dialDatagram(to).wantEcho(5)
	}
}

// wantAnswerOn sends s a datagram of client on the link from, and waits for the answer,
// which has to arrive at the link at.
func (t trial) wantAnswerOn(from, at, client string, s *server) {
	t.Helper()
	answered := t.listenOnLinks()
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), s.spec.Addr.Port())
	forged := t.forgeOn(from)
	got := ""
	t.eventually(func() bool { // a link that has just come up may lose a datagram
		payload := "hello from " + from // an earlier one may have its answer late
		forged.send(netip.AddrPortFrom(netip.MustParseAddr(client), 40000), to, payload)
		got = answered.arrival(to, netip.MustParseAddr(client), payload)
		return got != ""
	}, "an answer from %s to %s", to, client)
	if got != at {
		t.Errorf("datagram on %s: the answer arrived at %s, want %s", from, got, at)
	}
}

// destroyedCases test sockets that an administrator destroys.
var destroyedCases = []testCase{
	{
		name:    "a destroyed datagram socket receives again and affects no stream",
		promise: "P1, P6: no errno of a datagram socket ends the process, a stream or the socket",
		on:      "udp",
		run:     destroyedDatagramSocket,
	},
}

// destroyedDatagramSocket destroys the socket with SOCK_DESTROY (sock_diag(7)). The next
// read fails with ECONNABORTED. The socket asked for its port, so it stays bound.
func destroyedDatagramSocket(t trial) {
	t.ownNetwork()
	reserved, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	datagrams, streams := t.listener("udp"), t.listener("tcp")
	datagrams.Spec.Addr = reserved.LocalAddr().(*net.UDPAddr).AddrPort()
	reserved.Close()
	s := t.serve(engine.Config{Listeners: []engine.Listener{datagrams, streams}})

	stream := t.peer(connect(&net.Dialer{Timeout: waitLimit}, s.Listeners()[1]))
	stream.echo(100)
	t.dialDatagram(s.spec.Addr).wantEcho(100)
	for range 3 {
		t.destroy(s.spec.Addr)
		t.dialDatagram(s.spec.Addr).wantEcho(100)
		stream.echo(100)
	}
	s.waitFor("each failed read is counted", func(st engine.Stats) bool { return st.DatagramErrors == 3 })
	t.wantDatagrams(s, 4, nil)
}

// destroy destroys the datagram sockets that are bound to addr in the trial's network
// namespace.
func (t trial) destroy(addr netip.AddrPort) {
	t.Helper()
	t.configure(fmt.Sprintf("ss -K -u -a src = %s", addr))
}
