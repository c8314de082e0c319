package enginetest

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// linkCases try by which interface an answer leaves.
var linkCases = []testCase{
	{
		name:    "an answer to a link-local address leaves by the interface of arrival",
		promise: "U1: the answer reaches the one who asked, where the routing table has the address elsewhere",
		on:      "udp",
		run:     answeredOnTheLink,
	},
	{
		name:    "an answer to a routed address leaves by the routing table",
		promise: "U1: the way back may be another than the way in",
		on:      "udp",
		run:     answeredByTheRoute,
	},
	{
		name:    "a link-local IPv6 address is answered on its link",
		promise: "U1: an answer leaves from the exact address that the datagram arrived on",
		on:      "udp",
		run:     answeredOnTheLinkV6,
	},
	{
		name:    "a socket that is bound to a device answers by it",
		promise: "U1: the answer reaches the one who asked, also with an inherited socket",
		on:      "udp",
		run:     answeredByTheDevice,
	},
}

// twoLinks are the trial's network: this machine has 192.0.2.1 on the link red and
// 192.0.2.2 on blue, whose other ends are red1 and blue1. Everybody has a MAC
// address that nobody needs to ask for.
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

// knows tells both links where addr is, so that a datagram to it leaves by
// whichever is chosen.
func (t trial) knows(addr string) {
	t.Helper()
	t.configure("ip neigh add " + addr + " lladdr 02:00:00:00:00:09 dev red nud permanent")
	t.configure("ip neigh add " + addr + " lladdr 02:00:00:00:00:09 dev blue nud permanent")
}

// answeredOnTheLink: the table has 169.254.0.0/16 on red, and the asker is on
// blue.
func answeredOnTheLink(t trial) {
	const asker = "169.254.1.9"
	t.twoLinks("ip route add 169.254.0.0/16 dev red")
	t.knows(asker)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.wantAnswerOn("blue1", "blue1", asker, s)
	t.wantAnswerOn("red1", "red1", asker, s)
}

// answeredByTheRoute: the asker's datagrams come by blue, and its network is
// behind red.
func answeredByTheRoute(t trial) {
	const asker = "198.51.100.9"
	t.twoLinks("ip route add 198.51.100.0/24 dev red")
	t.knows(asker)
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("0.0.0.0")}})
	t.wantAnswerOn("blue1", "red1", asker, s)
}

func answeredByTheDevice(t trial) {
	const asker = "198.51.100.9"
	t.twoLinks("ip route add 198.51.100.0/24 dev red", "ip route add 198.51.100.0/24 dev blue metric 9")
	t.knows(asker)
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
	t.wantAnswerOn("blue1", "blue1", asker, s)
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
		t.ask(to).wantEcho(5)
	}
}

// wantAnswerOn sends s a datagram of asker from the link from, and waits for the
// answer, which has to arrive at the link at.
func (t trial) wantAnswerOn(from, at, asker string, s *server) {
	t.Helper()
	heard := t.listenOnLinks()
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), s.spec.Addr.Port())
	forged := t.forgeOn(from)
	got := ""
	t.eventually(func() bool { // a link that has just come up may lose what it is given
		forged.send(netip.AddrPortFrom(netip.MustParseAddr(asker), 40000), to, "hello from "+from)
		got = heard.arrival(to, netip.MustParseAddr(asker))
		return got != ""
	}, "an answer from %s to %s", to, asker)
	if got != at {
		t.Errorf("asked on %s: the answer arrived at %s, want %s", from, got, at)
	}
}

// linkListener receives every IPv4 packet that arrives at any link (packet(7)).
type linkListener struct {
	t  trial
	fd int
}

func (t trial) listenOnLinks() linkListener {
	t.Helper()
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, syscall.ETH_P_IP))
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		t.Skipf("listening on a link needs CAP_NET_RAW: %v", err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	limit := syscall.NsecToTimeval(int64(time.Second))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		t.Fatal(os.NewSyscallError("setsockopt SO_RCVTIMEO", err))
	}
	return linkListener{t, fd}
}

// arrival waits for a datagram between these addresses and returns the name of the
// link at which it arrived; "" if none has come for a second.
func (l linkListener) arrival(from netip.AddrPort, to netip.Addr) string {
	l.t.Helper()
	b := make([]byte, 2048)
	for {
		n, at, err := syscall.Recvfrom(l.fd, b, 0)
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.EAGAIN {
			return ""
		}
		if err != nil {
			l.t.Fatalf("receive on every link: %v", err)
		}
		if p := b[:n]; n < 28 || p[0] != 0x45 || p[9] != syscall.IPPROTO_UDP || netip.AddrFrom4([4]byte(p[12:])) != from.Addr() ||
			netip.AddrFrom4([4]byte(p[16:])) != to || binary.BigEndian.Uint16(p[20:]) != from.Port() {
			continue
		}
		link, err := net.InterfaceByIndex(at.(*syscall.SockaddrLinklayer).Ifindex)
		if err != nil {
			l.t.Fatal(err)
		}
		return link.Name
	}
}
