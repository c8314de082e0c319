package enginetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"echod/internal/echo"
	"echod/internal/engine"
)

// datagramCases test datagrams on every system.
var datagramCases = []testCase{
	{
		name:    "datagrams of 0, 1 and 65507 bytes are echoed exactly",
		promise: "U1: each answer equals one received datagram and is sent to its source",
		on:      "udp",
		run:     exactDatagrams,
	},
	{
		name:    "each of many clients gets its own datagrams back",
		promise: "U1: each answer is sent to the source of its datagram",
		on:      "udp",
		run:     manyClients,
	},
	{
		name:    "Shutdown with datagrams in the queue answers none twice",
		promise: "P5: Shutdown may answer datagrams in the queue, and closes the socket; U2: never more answers than datagrams",
		on:      "udp",
		run:     datagramsAtShutdown,
	},
}

func exactDatagrams(t trial) {
	s := t.serve(engine.Config{})
	a := t.dialDatagram(s.spec.Addr)
	for _, size := range []int{0, 1, echo.MaxDatagram, 0, 1, 512, 1472, 1473, 9000} {
		a.wantEcho(size)
	}
	t.wantDatagrams(s, 9, nil)
}

func manyClients(t trial) {
	s := t.serve(engine.Config{})
	const clients, rounds = 20, 10
	all := make([]*datagramClient, clients)
	for i := range all {
		all[i] = t.dialDatagram(s.spec.Addr)
	}
	for range rounds {
		var sent [clients][]byte
		for i, a := range all {
			sent[i] = a.send(64)
		}
		for i, a := range all {
			a.want(sent[i])
		}
	}
	t.wantDatagrams(s, clients*rounds, nil)
}

func datagramsAtShutdown(t trial) {
	s := t.bind(engine.Config{})
	a := t.dialDatagram(s.spec.Addr)
	for range 100 {
		a.send(64)
	}
	s.start()
	s.close()
	if got := s.Stats(); got.DatagramsOut > got.DatagramsIn {
		t.Errorf("got %d out of %d in, want never more out than in (U2)", got.DatagramsOut, got.DatagramsIn)
	}
}

// wantDatagrams waits until this many datagrams were answered and this many were dropped
// for each reason. It fails the trial if there were others.
func (t trial) wantDatagrams(s *server, answered uint64, dropped map[echo.Drop]uint64) {
	t.Helper()
	in := answered
	for _, n := range dropped {
		in += n
	}
	got := s.waitFor(fmt.Sprintf("%d datagrams are counted", in), func(st engine.Stats) bool {
		return st.DatagramsIn >= in && st.DatagramsIn <= st.DatagramsOut+sum(st.Drops[:])
	})
	if got.DatagramsIn != in || got.DatagramsOut != answered {
		t.Errorf("datagrams: got %d in and %d out, want %d and %d", got.DatagramsIn, got.DatagramsOut, in, answered)
	}
	for reason, n := range got.Drops {
		if want := dropped[echo.Drop(reason)]; n != want {
			t.Errorf("dropped as %s: got %d, want %d", echo.Drop(reason), n, want)
		}
	}
}

// datagramClient sends and receives datagrams. Its socket is connected, so it receives
// only from the address that it sends to.
type datagramClient struct {
	*net.UDPConn
	t trial
}

// dialDatagram returns a client for addr. It is closed at the end of the trial.
func (t trial) dialDatagram(addr netip.AddrPort) *datagramClient {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * waitLimit))
	return &datagramClient{UDPConn: conn, t: t}
}

func (a *datagramClient) addr() netip.AddrPort { return a.LocalAddr().(*net.UDPAddr).AddrPort() }

// send sends a datagram of size random bytes, and returns them.
func (a *datagramClient) send(size int) []byte {
	a.t.Helper()
	payload := randomBytes(size)
	if _, err := a.Write(payload); err != nil {
		a.t.Fatalf("send %d bytes: %v", size, err)
	}
	return payload
}

func randomBytes(size int) []byte {
	var seed [32]byte
	seed[0], seed[1] = byte(seeds.Add(1)), byte(size)
	payload := make([]byte, size)
	rand.NewChaCha8(seed).Read(payload)
	return payload
}

// want waits for the next answer and compares it with payload.
func (a *datagramClient) want(payload []byte) {
	a.t.Helper()
	answer := make([]byte, echo.MaxDatagram+1)
	n, err := a.Read(answer)
	if err != nil {
		a.t.Fatalf("the answer to %d bytes: %v", len(payload), err)
	}
	if !bytes.Equal(answer[:n], payload) {
		a.t.Fatalf("got an answer of %d bytes, want the %d that were sent, unaltered", n, len(payload))
	}
}

// wantEcho sends a datagram of size bytes and waits for its echo.
func (a *datagramClient) wantEcho(size int) {
	a.t.Helper()
	a.want(a.send(size))
}
