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

// datagramCases try what can be done to datagrams anywhere.
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
		run:     manyAskers,
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
	a := t.ask(s.spec.Addr)
	for _, size := range []int{0, 1, echo.MaxDatagram, 0, 1, 512, 1472, 1473, 9000} {
		a.wantEcho(size)
	}
	t.wantDatagrams(s, 9, nil)
}

func manyAskers(t trial) {
	s := t.serve(engine.Config{})
	const askers, rounds = 20, 10
	all := make([]*asker, askers)
	for i := range all {
		all[i] = t.ask(s.spec.Addr)
	}
	for range rounds {
		var sent [askers][]byte
		for i, a := range all {
			sent[i] = a.send(64)
		}
		for i, a := range all {
			a.want(sent[i])
		}
	}
	t.wantDatagrams(s, askers*rounds, nil)
}

func datagramsAtShutdown(t trial) {
	s := t.bind(engine.Config{})
	a := t.ask(s.spec.Addr)
	for range 100 {
		a.send(64)
	}
	s.start()
	s.close()
	if got := s.Stats(); got.DatagramsOut > got.DatagramsIn {
		t.Errorf("got %d out of %d in, want never more out than in (U2)", got.DatagramsOut, got.DatagramsIn)
	}
}

// wantDatagrams waits until the books say that so many datagrams were answered
// and, for each reason named, so many were not; and no other.
func (t trial) wantDatagrams(s *server, answered uint64, dropped map[echo.Drop]uint64) {
	t.Helper()
	in := answered
	for _, n := range dropped {
		in += n
	}
	got := s.waitFor(fmt.Sprintf("%d datagrams are in the books", in), func(st engine.Stats) bool {
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

// asker is a client for datagrams. Its socket is connected, so that it hears
// only what comes from the address that it asked.
type asker struct {
	*net.UDPConn
	t trial
}

// ask makes an asker of a server at addr, closed when the trial is over.
func (t trial) ask(addr netip.AddrPort) *asker {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	return &asker{UDPConn: conn, t: t}
}

func (a *asker) addr() netip.AddrPort { return a.LocalAddr().(*net.UDPAddr).AddrPort() }

// send asks with size random bytes, and returns them.
func (a *asker) send(size int) []byte {
	a.t.Helper()
	var seed [32]byte
	seed[0], seed[1] = byte(seeds.Add(1)), byte(size)
	payload := make([]byte, size)
	rand.NewChaCha8(seed).Read(payload)
	if _, err := a.Write(payload); err != nil {
		a.t.Fatalf("ask with %d bytes: %v", size, err)
	}
	return payload
}

// want waits for the next answer and compares it.
func (a *asker) want(payload []byte) {
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

// wantEcho asks with size bytes and waits for them.
func (a *asker) wantEcho(size int) {
	a.t.Helper()
	a.want(a.send(size))
}
