package enginetest

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"echod/internal/engine"
)

// memoryCases test the bounds on memory.
var memoryCases = []testCase{
	{
		name:    "200 stalled readers use no more memory than their buffers",
		promise: "S3: the owed bytes of a stream use at most Config.Buffer",
		on:      "tcp unix",
		alone:   true,
		run:     neverRead,
	},
	{
		name:    "with MaxMemory used up no byte is lost",
		promise: "S3: when MaxMemory is used up, bytes stay in the kernel; every peer that reads receives all of its bytes",
		on:      "tcp unix",
		traced:  true,
		run:     spentBudget,
	},
	{
		name:    "a stream without owed bytes has no buffer",
		promise: "S3, P3: a stream without owed bytes has no buffer, however much it has moved",
		on:      "tcp tls unix",
		run:     idleHoldsNothing,
	},
	{
		name:    "stalled readers that use up MaxMemory do not stop a healthy peer",
		promise: "S4: stalled readers do not stop a peer that reads, even if they have used up MaxMemory",
		run:     spentBudgetHealthy,
	},
}

func neverRead(t trial) {
	const peers, buffer = 200, 32 << 10
	// Memory for the goroutines of the clients, the stacks and tables of the engine, and
	// what the runtime rounds up.
	const slack = 12 << 20
	s := t.serve(engine.Config{Buffer: buffer})
	before := heap()
	clients := t.stall(s, peers)
	st := s.waitQuiet()
	if st.Active != peers {
		t.Fatalf("streams open: got %d, want %d", st.Active, peers)
	}
	if st.Held > peers*buffer {
		t.Errorf("held: got %d bytes, want at most %d for %d streams", st.Held, peers*buffer, peers)
	}
	if after := heap(); after > before+peers*buffer+slack {
		t.Errorf("heap: grew by %d bytes, want at most %d and %d of slack", after-before, peers*buffer, slack)
	}
	for _, p := range clients {
		p.abort()
	}
	if st := s.waitIdle(); st.Held != 0 {
		t.Errorf("held: got %d bytes after the peers have closed, want 0", st.Held)
	}
}

// heap returns how many bytes of heap and stacks are in use.
func heap() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func spentBudget(t trial) {
	const peers, size, most = 40, 300_000, 256 << 10
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxMemory: most})})
	clients := make([]*peer, peers)
	for i := range clients {
		p := t.dialNarrow(s)
		p.deliver(size)
		clients[i] = p
	}
	if st := s.waitQuiet(); st.Held > most || s.budget.Memory() > most {
		t.Errorf("held: got %d bytes and %d reserved, want at most %d", st.Held, s.budget.Memory(), most)
	}
	for _, p := range clients {
		p.receive(size)
		p.wantWhole()
	}
	t.wantClosed(s.waitIdle(), engine.Finished, peers)
}

func spentBudgetHealthy(t trial) {
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxMemory: 256 << 10})})
	t.stall(s, 20)
	s.waitQuiet()
	healthy := t.dial(s)
	for range 100 {
		healthy.echo(10_000)
	}
	healthy.halfClose()
	healthy.wantWhole()
}

func idleHoldsNothing(t trial) {
	const peers, limit = 20, 8 << 20
	s := t.serve(engine.Config{Loops: t.loops(4), Budget: engine.NewBudget(engine.Limits{MaxMemory: limit})})
	for range peers {
		p := t.dial(s)
		for range 30 {
			p.echo(64 << 10)
		}
	}
	s.waitFor("nothing is held", func(st engine.Stats) bool { return st.Held == 0 && st.Active == peers })
	if got := s.budget.Memory(); got != 0 {
		t.Errorf("the budget: got %d bytes used, want 0", got)
	}
	t.eventually(func() bool { return s.budget.Pool().Spare() == 0 }, "spare buffers are freed")
	other := s.budget.Pool().NewCache(limit)
	defer other.Close()
	if b := other.Get(limit); b == nil {
		t.Error("all of the budget at once: got nothing, want it: no bytes are owed")
	} else {
		b.Release()
	}
}

// tlsMemoryCases test TLS streams when MaxMemory is used up: they cannot be echoed without
// a buffer.
var tlsMemoryCases = []testCase{
	{
		name:    "new TLS connections are refused only while all memory holds owed bytes",
		promise: "S3, P7: bytes that cannot be held are not read; a refusal is counted as RefusedMemory, and ends when memory is free",
		on:      "tls",
		traced:  true,
		run:     spentBudgetTLS,
	},
	{
		name:    "an idle TLS stream has no buffer",
		promise: "S3, P3: a stream without owed bytes has no buffer, however much it has moved",
		on:      "tls",
		run:     idleTLS,
	},
	{
		name:    "a TLS stream that waits for the rest of a record has no buffer",
		promise: "S3: a stream without owed bytes has no buffer",
		on:      "tls",
		run:     halfRecord,
	},
	{
		name:    "without memory an open TLS stream waits and then goes on",
		promise: "S3, S5: an open stream is not reset, and goes on when memory is free",
		on:      "tls",
		traced:  true,
		run:     waitForMemory,
	},
	{
		name:    "a TLS stream that waits for memory ends at the stall timeout and at the end of a drain",
		promise: "P5, S7: a wait for memory ends at the stall timeout and when a drain is over",
		on:      "tls",
		traced:  true,
		run:     waitForMemoryEnds,
	},
}

// oneTLSBuffer returns a configuration with memory for a single buffer.
func oneTLSBuffer() engine.Config {
	return engine.Config{Buffer: engine.MinBuffer, Budget: engine.NewBudget(engine.Limits{MaxMemory: engine.MinBuffer})}
}

// useUpMemory connects a stalled reader and waits until its bytes use the only buffer.
func (s *server) useUpMemory() *peer {
	s.t.Helper()
	stalled := s.t.dialNarrow(s)
	stalled.flood(64 << 20)
	s.waitQuiet()
	if got := s.Stats().Held; got != engine.MinBuffer {
		s.t.Fatalf("held for a peer that reads nothing: got %d, want %d", got, engine.MinBuffer)
	}
	return stalled
}

func spentBudgetTLS(t trial) {
	s := t.serve(oneTLSBuffer())
	idle := t.dial(s)
	idle.echo(100_000)
	stalled := s.useUpMemory()
	if _, err := t.tryEcho(s); !isReset(err) {
		t.Errorf("a new client while all memory holds owed bytes: got %v, want a reset", err)
	}
	s.waitFor("the refusal is counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedMemory] == 1 })
	stalled.abort()
	s.waitFor("memory is given back", func(st engine.Stats) bool { return st.Held == 0 })
	for _, p := range []*peer{idle, t.dial(s)} {
		p.echo(100_000)
		p.halfClose()
		p.wantWhole()
	}
}

func idleTLS(t trial) {
	const limit, clients = 2 << 14, 40
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxMemory: limit})})
	var all []*peer
	for range clients {
		p := t.dial(s)
		p.echo(200_000)
		all = append(all, p)
	}
	s.waitFor("nothing is held", func(st engine.Stats) bool { return st.Held == 0 && st.Active == clients })
	for _, p := range all {
		p.echo(1000)
		p.halfClose()
		p.wantWhole()
	}
	t.wantClosed(s.waitIdle(), engine.Finished, clients)
}

func halfRecord(t trial) {
	s := t.serve(oneTLSBuffer())
	half := t.dial(s)
	half.echo(1000)
	half.tcp().Write(append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 2000)...)) // of a record of 16 KiB
	for range 10 {                                                             // long enough for the server to read the half
		other := t.dial(s)
		other.echo(10_000)
		other.halfClose()
		other.wantWhole()
	}
	if st := s.waitBalanced(1); st.Held != 0 {
		t.Errorf("held for half a record: got %d bytes, want 0", st.Held)
	}
}

func waitForMemory(t trial) {
	s := t.serve(oneTLSBuffer())
	waits := t.dial(s)
	waits.echo(1)
	stalled := s.useUpMemory()
	waits.send(10)
	t.eventually(func() bool {
		return slices.ContainsFunc(s.peers(2), func(p engine.Peer) bool { return p.Addr == waits.name() && p.Waiting > 0 })
	}, "the stream waits for memory")
	stalled.abort()
	waits.receive(10)
	waits.echo(100_000)
	waits.halfClose()
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
	s.useUpMemory()
	waits.send(10)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	t.wantClosed(s.Stats(), engine.Drained, 2)
}
