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

// connectionAllocations is how often an engine may allocate memory for a connection, from
// accept to close, by network. An event loop never does. The engine net was measured at 14 to 16
// and at 19 to 20: the runtime may have to make a goroutine, or has one left.
var connectionAllocations = map[string]uint64{"tcp": 16, "unix": 21}

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

// connectionAllocatesLittle has clients connect before the server starts, so that they allocate
// nothing while it counts. Each has a message echoed, half-closes and waits for the end.
func connectionAllocatesLittle(t trial) {
	const connections = 100
	s := t.bind(engine.Config{Loops: 1})
	clients := make([]net.Conn, connections)
	for i := range clients {
		clients[i] = t.dial(s).Conn
	}
	message := make([]byte, 64)
	got := allocationsOf(func() {
		s.start()
		for _, conn := range clients {
			t.roundTrip(conn, message)
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if _, err := conn.Read(message); err != io.EOF {
				t.Fatalf("after a half-close: got %v, want the end of the stream", err)
			}
		}
	})
	most := connectionAllocations[t.network]
	if t.engine.Caps().Loops {
		most = 0
	}
	if got/connections > most {
		t.Errorf("got %d allocations for %d connections, want at most %d for each", got, connections, most)
	}
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
