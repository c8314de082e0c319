package enginetest

import (
	"context"
	"slices"
	"time"

	"echod/internal/engine"
)

// tlsMemoryCases try a spent budget under TLS, where bytes cannot be passed on
// without memory.
var tlsMemoryCases = []testCase{
	{
		name:    "TLS callers are refused only while memory is owed to others",
		promise: "S3, P7: what cannot be held is not read; the refusal is counted as memory, and there is none once memory is given back",
		on:      "tls",
		run:     spentBudgetTLS,
	},
	{
		name:    "callers that are idle keep no memory from others under TLS",
		promise: "S3, P3: idle owns nothing, whatever moved before",
		on:      "tls",
		run:     idleTLS,
	},
	{
		name:    "half a record keeps no memory",
		promise: "S3: a stream that waits for the rest of a record has no buffer",
		on:      "tls",
		run:     halfRecord,
	},
	{
		name:    "without memory an open TLS stream waits, and then goes on",
		promise: "S3, S5: it is not cut, and served when memory is given back",
		on:      "tls",
		run:     waitForMemory,
	},
	{
		name:    "a TLS stream that waits for memory ends with the drain and the stall timeout",
		promise: "P5, S7: waiting for memory lasts no longer than either",
		on:      "tls",
		run:     waitForMemoryEnds,
	},
}

// oneTLSBuffer is a budget that a single stream can spend.
func oneTLSBuffer() engine.Config {
	return engine.Config{Buffer: engine.MinBuffer, Budget: engine.NewBudget(engine.Limits{MaxMemory: engine.MinBuffer})}
}

// spend connects a peer that reads nothing, until it holds the only buffer.
func (s *server) spend() *peer {
	s.t.Helper()
	stuck := s.t.dialNarrow(s)
	stuck.flood(64 << 20)
	s.settle()
	if got := s.Stats().Held; got != engine.MinBuffer {
		s.t.Fatalf("held for a peer that reads nothing: got %d, want %d", got, engine.MinBuffer)
	}
	return stuck
}

func spentBudgetTLS(t trial) {
	s := t.serve(oneTLSBuffer())
	idle := t.dial(s)
	idle.echo(100_000)
	stuck := s.spend()
	if _, err := t.greet(s); !isReset(err) {
		t.Errorf("a caller while all memory is owed to another: got %v, want a reset", err)
	}
	s.waitFor("the refusal is counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedMemory] == 1 })
	stuck.abort()
	s.waitFor("memory is given back", func(st engine.Stats) bool { return st.Held == 0 })
	for _, p := range []*peer{idle, t.dial(s)} {
		p.echo(100_000)
		p.fin()
		p.wantWhole()
	}
}

func idleTLS(t trial) {
	const room, callers = 2 << 14, 40
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxMemory: room})})
	var all []*peer
	for range callers {
		p := t.dial(s)
		p.echo(200_000)
		all = append(all, p)
	}
	s.waitFor("nothing is held", func(st engine.Stats) bool { return st.Held == 0 && st.Active == callers })
	for _, p := range all {
		p.echo(1000)
		p.fin()
		p.wantWhole()
	}
	t.wantClosed(s.waitIdle(), engine.Finished, callers)
}

func halfRecord(t trial) {
	s := t.serve(oneTLSBuffer())
	half := t.dial(s)
	half.echo(1000)
	half.tcp().Write(append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 2000)...)) // of a record of 16 KiB
	for range 10 {                                                             // until the half has surely been looked at
		other := t.dial(s)
		other.echo(10_000)
		other.fin()
		other.wantWhole()
	}
	if st := s.waitBalance(1); st.Held != 0 {
		t.Errorf("held for half a record: got %d bytes, want 0", st.Held)
	}
}

func waitForMemory(t trial) {
	s := t.serve(oneTLSBuffer())
	waits := t.dial(s)
	waits.echo(1)
	stuck := s.spend()
	waits.send(10)
	t.eventually(func() bool {
		return slices.ContainsFunc(s.peers(2), func(p engine.Peer) bool { return p.Addr == waits.name() && p.Waiting > 0 })
	}, "it waits for memory")
	stuck.abort()
	waits.receive(10)
	waits.echo(100_000)
	waits.fin()
	waits.wantWhole()
}

func waitForMemoryEnds(t trial) {
	cfg := oneTLSBuffer()
	cfg.StallTimeout = 300 * time.Millisecond
	s := t.serve(cfg)
	one, other := t.dialNarrow(s), t.dialNarrow(s)
	one.echo(1)
	other.echo(1)
	one.flood(64 << 20)
	other.flood(64 << 20)
	st := s.waitFor("both have ended", func(st engine.Stats) bool { return st.Closes[engine.Stalled] == 2 })
	t.wantClosed(st, engine.Stalled, 2)

	s = t.serve(oneTLSBuffer())
	waits := t.dial(s)
	waits.echo(1)
	s.spend()
	waits.send(10)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	t.wantClosed(s.Stats(), engine.Drained, 2)
}
