package enginetest

import (
	"io"
	"net"
	"runtime"

	"echod/internal/engine"
)

// allocationCases count how often the process allocates memory. CONTRIBUTING.md says what to do
// when one of them fails.
var allocationCases = []testCase{
	{
		name:    "an echoed message allocates nothing",
		promise: "a message on an open connection costs no allocation in the whole process",
		on:      "tcp unix udp",
		alone:   true,
		run:     messageAllocatesNothing,
	},
	{
		name:    "a connection allocates little",
		promise: "a connection costs no more allocations than connectionAllocations says",
		on:      "tcp unix",
		alone:   true,
		run:     connectionAllocatesLittle,
	},
}

// connectionAllocations is how often an engine may allocate memory for a hundred connections,
// from accept to close, by network: half an allocation for each more than was measured. An event
// loop allocates a few times when it starts.
func connectionAllocations(t trial) uint64 {
	if t.engine.Caps().Loops {
		return 50 // measured: 8 to 27
	}
	return map[string]uint64{
		"tcp":  1520, // 1450 to 1460, and 1490 to 1510 under the race detector
		"unix": 1810, // 1740 to 1760
	}[t.network]
}

// messageAllocatesNothing permits a few allocations, because the runtime makes some now and
// then: fewer than one for a hundred messages.
func messageAllocatesNothing(t trial) {
	const messages, few = 2000, 20
	conn := t.dial(t.serve(engine.Config{})).Conn
	message := make([]byte, 64)
	for range 100 { // for memory that is allocated once
		t.roundTrip(conn, message)
	}
	got := allocationsOf(func() {
		for range messages {
			t.roundTrip(conn, message)
		}
	})
	if got >= few {
		t.Errorf("got %d allocations for %d messages, want none, or fewer than %d", got, messages, few)
	}
}

// connectionAllocatesLittle takes the fewest allocations of several tries: on a busy machine more
// goroutines and buffers are in use at once, and those that are missing are made.
func connectionAllocatesLittle(t trial) {
	const connections, tries = 100, 20
	most := connectionAllocations(t)
	fewest := t.serveQueued(connections)
	for i := 1; i < tries && fewest > most; i++ {
		fewest = min(fewest, t.serveQueued(connections))
	}
	if fewest > most {
		t.Errorf("got %d allocations for %d connections, want at most %d", fewest, connections, most)
	}
}

// serveQueued returns how often a server allocates memory for connections that are in its queue
// when it starts, so that the clients allocate nothing meanwhile. Each client has a message
// echoed, half-closes and waits for the end.
func (t trial) serveQueued(connections int) uint64 {
	s := t.bind(engine.Config{Loops: 1})
	clients := make([]net.Conn, connections)
	for i := range clients {
		clients[i] = t.dial(s).Conn
	}
	message := make([]byte, 64)
	return allocationsOf(func() {
		s.start()
		for _, conn := range clients {
			t.roundTrip(conn, message)
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if _, err := conn.Read(message); err != io.EOF {
				t.Fatalf("after a half-close: got %v, want the end of the stream", err)
			}
		}
	})
}

// allocationsOf returns how often the process allocates memory while do runs.
func allocationsOf(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// roundTrip sends a message and receives its echo into the same memory. It allocates nothing.
func (t trial) roundTrip(conn net.Conn, message []byte) {
	t.Helper()
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, message); err != nil {
		t.Fatal(err)
	}
}
