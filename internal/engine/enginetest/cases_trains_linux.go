package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
)

// trainCases test trains: several datagrams that the kernel receives and sends as one message
// (UDP_GRO, UDP_SEGMENT). Over the loopback, a train of a client arrives as a train.
var trainCases = []testCase{
	{
		name:    "each datagram of a train is answered as a datagram of its own",
		promise: "U1: an answer equals one datagram, however the datagrams arrive; U2: never more packets out than in",
		on:      "udp",
		run:     exactTrains,
	},
	{
		name:    "a train is answered as a train",
		promise: "U1: the answers to a train need one system call, and the client receives each datagram",
		on:      "udp",
		run:     answeredAsTrain,
	},
	{
		name:    "clients with trains and without get their own datagrams",
		promise: "U1: each answer is sent to the source of its datagram",
		on:      "udp",
		run:     mixedTrains,
	},
	{
		name:    "no datagram of a train from a low port is answered",
		promise: "U3: a train does not bypass the guard; U6: each of its datagrams is counted",
		on:      "udp",
		run:     forbiddenTrain,
	},
	{
		name:    "a rate ends in the middle of a train",
		promise: "U4: each datagram of a train is counted against the rates; U6: every drop is counted",
		on:      "udp",
		run:     trainAboveTheRate,
	},
	{
		name:    "a train that is too large for the path is answered as datagrams",
		promise: "U1, U6: no datagram is lost because the kernel cannot send a train",
		on:      "udp",
		run:     trainOnNarrowPath,
	},
	{
		name:    "an inherited socket has no trains after Shutdown",
		promise: "U1: the next process that serves the socket may not know trains",
		on:      "udp",
		run:     inheritedTrains,
	},
}

func exactTrains(t trial) {
	both := everyAddress("::")
	both.Spec.Host = ""
	v6 := everyAddress("::1")
	for _, tt := range []struct {
		listener engine.Listener
		clients  []string
	}{
		{t.listener("udp"), []string{"127.0.0.1"}},
		{everyAddress("0.0.0.0"), []string{"127.0.0.1", "127.0.0.2"}},
		{v6, []string{"::1"}},
		{both, []string{"127.0.0.1", "127.0.0.2", "::1"}},
	} {
		s := t.serve(engine.Config{Listeners: []engine.Listener{tt.listener}})
		sent := uint64(0)
		for _, addr := range tt.clients {
			a := t.dialTrains(netip.AddrPortFrom(netip.MustParseAddr(addr), s.spec.Addr.Port()))
			for _, shape := range []struct{ size, segment int }{
				{1, 1}, {2, 1}, {64, 1}, {63, 64}, {65, 64}, {64 * 64, 64}, {1472 * 40, 1472}, {1472*10 + 1, 1472},
				{1473*3 + 1472, 1473}, {9000 * 7, 9000}, {60_000, 30_000}, {40_001, 40_000}, {65_000, 65_000},
			} {
				train := a.sendTrain(shape.size, shape.segment)
				for _, payload := range train {
					a.want(payload)
				}
				sent += uint64(len(train))
			}
			for _, size := range []int{0, 1, echo.MaxDatagram, 0} { // no trains
				a.wantEcho(size)
				sent++
			}
		}
		t.wantDatagrams(s, sent, nil)
	}
}

func answeredAsTrain(t trial) {
	s := t.serve(engine.Config{})
	a := t.dialTrains(s.spec.Addr)
	a.receiveTrains()
	train := a.sendTrain(1000*10+1, 1000)
	answer, control := make([]byte, 64<<10), make([]byte, sock.ControlSize)
	n, controlled, _, _, err := a.ReadMsgUDPAddrPort(answer, control)
	if err != nil {
		t.Fatal(err)
	}
	if got := sock.ParseControl(control[:controlled]).Segment; got != 1000 || !bytes.Equal(answer[:n], slices.Concat(train...)) {
		t.Errorf("got a message of %d bytes with datagrams of %d, want the train as it was sent: 11 datagrams of 1000", n, got)
	}
	t.wantDatagrams(s, 11, nil)
}

func mixedTrains(t trial) {
	s := t.serve(engine.Config{})
	clients := make([]*datagramClient, 6)
	for i := range clients {
		clients[i] = t.dialTrains(s.spec.Addr)
	}
	sent := make([][][]byte, len(clients))
	count := uint64(0)
	for round := range 4 {
		for i, a := range clients {
			if i%2 == 0 {
				sent[i] = append(sent[i], a.sendTrain(100*(8+round)+round, 100)...)
			} else {
				sent[i] = append(sent[i], a.send(100), a.send(100), a.send(i))
			}
		}
	}
	for i, a := range clients {
		count += uint64(len(sent[i]))
		for _, payload := range sent[i] {
			a.want(payload)
		}
	}
	t.wantDatagrams(s, count, nil)
}

func forbiddenTrain(t trial) {
	t.ownNetwork()
	s := t.serve(engine.Config{})
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}, net.UDPAddrFromAddrPort(s.spec.Addr))
	if err != nil {
		t.Skipf("a low port needs CAP_NET_BIND_SERVICE: %v", err)
	}
	defer conn.Close()
	low := &datagramClient{UDPConn: conn, t: t}
	low.needTrains()
	low.sendTrain(640, 64)
	t.dialDatagram(s.spec.Addr).wantEcho(5)
	t.wantDatagrams(s, 1, map[echo.Drop]uint64{echo.DropLowPort: 10})
}

func trainAboveTheRate(t trial) {
	t.ownNetwork("ip addr add 192.0.2.1/24 dev lo")
	guard := echo.NewGuard(echo.GuardConfig{PerPrefix: echo.Rate{Packets: 1, Bytes: 1 << 20}})
	s := t.serve(engine.Config{Listeners: []engine.Listener{everyAddress("192.0.2.1")}, Guard: guard})
	a := t.dialTrains(s.spec.Addr) // its address is 192.0.2.1 too, which is not a loopback
	train := a.sendTrain(64*20, 64)
	a.want(train[0])
	t.wantDatagrams(s, 1, map[echo.Drop]uint64{echo.DropPrefixRate: 19})
}

// trainOnNarrowPath has a client that can send trains of 1,400 bytes, and whose answers take a
// path with an MTU of 1,300.
func trainOnNarrowPath(t trial) {
	t.ownNetwork("ip addr add 192.0.2.9/32 dev lo", "ip route replace local 192.0.2.9 dev lo table local mtu 1300")
	s := t.serve(engine.Config{})
	narrow := t.dialTrainsFrom("192.0.2.9", s.spec.Addr)
	unlimited := t.dialTrains(s.spec.Addr)
	count := uint64(0)
	for range 3 {
		for _, shape := range []struct {
			client        *datagramClient
			size, segment int
		}{{narrow, 1400 * 5, 1400}, {narrow, 1200*5 + 1, 1200}, {unlimited, 1400*5 + 1, 1400}, {unlimited, 640, 64}} {
			train := shape.client.sendTrain(shape.size, shape.segment)
			for _, payload := range train {
				shape.client.want(payload)
			}
			count += uint64(len(train))
		}
	}
	t.wantDatagrams(s, count, nil)
}

func inheritedTrains(t trial) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.File()
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
	a := t.dialTrains(s.spec.Addr)
	for _, payload := range a.sendTrain(641, 64) {
		a.want(payload)
	}
	wantOption := func(when string, want int) {
		t.Helper()
		raw, err := file.SyscallConn() // Fd would make the socket blocking, which the server shares
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			const udpGRO = 104 // of include/uapi/linux/udp.h
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_UDP, udpGRO); err != nil || got != want {
				t.Errorf("%s: got UDP_GRO %d, %v, want %d", when, got, err, want)
			}
		})
	}
	wantOption("while it is served", 1)
	s.close()
	wantOption("after Shutdown", 0)
}

// dialTrains returns a client that can send trains. Without support of the kernel it skips the
// test.
func (t trial) dialTrains(addr netip.AddrPort) *datagramClient {
	t.Helper()
	a := t.dialDatagram(addr)
	a.needTrains()
	return a
}

// dialTrainsFrom returns such a client with that address.
func (t trial) dialTrainsFrom(from string, to netip.AddrPort) *datagramClient {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	a := &datagramClient{UDPConn: conn, t: t}
	a.needTrains()
	return a
}

func (a *datagramClient) needTrains() {
	a.t.Helper()
	if !(sock.Calls{}).ReceiveTrains(a.UDPConn, false) {
		a.t.Skip("the kernel has no trains (Linux 5.0)")
	}
}

func (a *datagramClient) receiveTrains() { sock.Calls{}.ReceiveTrains(a.UDPConn, true) }

// sendTrain sends size random bytes as datagrams of segment bytes, in one message. It returns
// the datagrams.
func (a *datagramClient) sendTrain(size, segment int) [][]byte {
	a.t.Helper()
	payload := randomBytes(size)
	control := make([]byte, sock.ControlSize)
	control = control[:sock.PutControl(control, sock.PktInfo{Segment: uint16(segment)}, netip.Addr{})]
	_, _, err := a.WriteMsgUDPAddrPort(payload, control, netip.AddrPort{})
	if errors.Is(err, syscall.EINVAL) {
		a.t.Skipf("the kernel sends no train of %d bytes in datagrams of %d: %v", size, segment, err)
	}
	if err != nil {
		a.t.Fatal(fmt.Errorf("send a train of %d bytes in datagrams of %d: %w", size, segment, err))
	}
	return slices.Collect(slices.Chunk(payload, segment))
}
