package enginetest

import "echod/internal/engine"

// resetCases try clients that vanish with a reset.
var resetCases = []testCase{
	{
		name:    "a client that resets in mid-transfer is one cause",
		promise: "S6, P3, P6: its stream ends, its bytes are accounted for, nobody else notices",
		on:      "tcp tls",
		run:     resetMidTransfer,
	},
	{
		name:    "a client that closes with unread bytes is one cause",
		promise: "S6, P3, P6: its stream ends, its bytes are accounted for, nobody else notices",
		on:      "tcp tls unix",
		run:     closeUnread,
	},
	{
		name:    "a reset while bytes are owed discards them",
		promise: "S6: bytes in = bytes out + bytes discarded",
		on:      "tcp tls",
		run:     resetWhileOwed,
	},
}

// resetMidTransfer has clients reset at different points of a transfer.
func resetMidTransfer(t trial) {
	s := t.serve(engine.Config{})
	witness := t.dial(s)
	const clients = 20
	for i := range clients {
		p := t.dial(s)
		p.flood(64 << 20)
		p.receive(1 + i*50_000)
		p.abort()
		witness.echo(100)
	}
	s.wantLost(witness, clients)
}

// closeUnread has clients close without reading, which the kernel turns into a
// reset.
func closeUnread(t trial) {
	s := t.serve(engine.Config{})
	witness := t.dial(s)
	clients := t.stall(s, 10)
	s.settle()
	for _, p := range clients {
		p.Close()
		witness.echo(100)
	}
	s.wantLost(witness, len(clients))
}

func resetWhileOwed(t trial) {
	s := t.serve(engine.Config{})
	witness := t.dial(s)
	clients := t.stall(s, 10)
	st := s.settle()
	if st.BytesIn <= st.BytesOut {
		t.Fatalf("bytes: got in %d, out %d, want some owed to clients that do not read", st.BytesIn, st.BytesOut)
	}
	for _, p := range clients {
		p.abort()
	}
	if st = s.wantLost(witness, len(clients)); st.Discarded == 0 {
		t.Error("discarded: got 0 bytes, want those that were owed")
	}
}

// wantLost waits until the witness is alone, and fails the trial unless n others
// were lost to a reset of theirs, their bytes are accounted for and the witness
// is still served.
func (s *server) wantLost(witness *peer, n int) engine.Stats {
	s.t.Helper()
	witness.echo(1000)
	st := s.waitBalance(1)
	s.t.wantClosed(st, engine.PeerReset, uint64(n))
	return st
}
