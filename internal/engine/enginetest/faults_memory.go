package enginetest

import (
	"runtime"
	"runtime/debug"

	"echod/internal/engine"
)

// memoryCases try the bounds on memory.
var memoryCases = []testCase{
	{
		name:    "200 peers that never read hold no more than their buffers",
		promise: "S3: user memory for a stream is at most Config.Buffer",
		on:      "tcp unix",
		alone:   true,
		run:     neverRead,
	},
	{
		name:    "a spent budget loses nothing",
		promise: "S3: when MaxMemory is used up, bytes stay in the kernel; every peer that reads gets all of its own",
		on:      "tcp unix",
		run:     spentBudget,
	},
	{
		name:    "nothing is held for whoever is owed nothing",
		promise: "S3, P3: idle owns nothing, whatever moved before",
		on:      "tcp tls unix",
		run:     idleHoldsNothing,
	},
	{
		name:    "a spent budget stops no healthy peer",
		promise: "S4: peers that stall, and with that have used up MaxMemory, do not stop one that reads",
		run:     spentBudgetHealthy,
	},
}

func neverRead(t trial) {
	const peers, buffer = 200, 32 << 10
	// Besides the buffers: this side's goroutines, the engine's stacks and
	// tables, what the runtime rounds up.
	const slack = 12 << 20
	s := t.serve(engine.Config{Buffer: buffer})
	before := heap()
	clients := t.stall(s, peers)
	st := s.settle()
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
		t.Errorf("held: got %d bytes after the peers have left, want 0", st.Held)
	}
}

// heap is how many bytes of it are in use.
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
	if st := s.settle(); st.Held > most || s.budget.Memory() > most {
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
	s.settle()
	healthy := t.dial(s)
	for range 100 {
		healthy.echo(10_000)
	}
	healthy.fin()
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
		t.Errorf("of the budget: got %d bytes taken, want 0", got)
	}
	t.eventually(func() bool { return s.budget.Pool().Spare() == 0 }, "what is spare is freed")
	other := s.budget.Pool().NewCache(limit)
	defer other.Close()
	if b := other.Get(limit); b == nil {
		t.Error("all of the budget at once: got nothing, want it: nobody else is owed anything")
	} else {
		b.Release()
	}
}
