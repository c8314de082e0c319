package enginetest

import (
	"echod/internal/accept"
	"echod/internal/engine"
)

// limitCases try the limits on connections.
var limitCases = []testCase{
	{
		name:    "one client more than an address may have is reset",
		promise: "P7: over MaxConnsPerIP a stream is reset on arrival and counted; when one leaves there is room again",
		run:     perAddress,
	},
	{
		name:    "at MaxConns the backlog waits",
		promise: "P1, P2: at the limit the listener pauses; who is queued is served when there is room",
		on:      "tcp tls unix",
		run:     maxConns,
	},
}

func perAddress(t trial) {
	const limit = 3
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxConnsPerIP: limit})})
	var peers []*peer
	for range limit {
		p := t.dial(s)
		p.echo(10)
		peers = append(peers, p)
	}
	if _, err := t.greet(s); !isReset(err) {
		t.Errorf("one client more than %d: got %v, want a reset", limit, err)
	}
	st := s.waitFor("the refusal is counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedPerIP] == 1 })
	if st.Active != limit {
		t.Errorf("streams open: got %d, want %d", st.Active, limit)
	}
	for _, p := range peers {
		p.echo(10)
	}

	peers[0].fin()
	peers[0].wantWhole()
	t.eventually(func() bool {
		_, err := t.greet(s)
		return err == nil
	}, "a new client is served after another has left")
}

func maxConns(t trial) {
	const limit = 4
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxConns: limit})})
	var inside []*peer
	for range limit {
		p := t.dial(s)
		p.echo(10)
		inside = append(inside, p)
	}
	var waiting []*peer
	for range limit {
		p := t.dial(s)
		p.writing.Go(func() { p.write(10) }) // under TLS it waits to be let in
		waiting = append(waiting, p)
	}
	st := s.waitFor("the listener pauses", func(st engine.Stats) bool { return st.Accepts[accept.Full] > 0 })
	if st.Active > limit {
		t.Errorf("streams open: got %d, want at most %d", st.Active, limit)
	}
	for _, p := range inside {
		p.echo(10)
		p.fin()
		p.wantWhole()
	}
	for _, p := range waiting {
		p.receive(10)
		p.fin()
		p.wantWhole()
	}
	st = s.waitIdle()
	t.wantClosed(st, engine.Finished, 2*limit)
	const spinning = 1000
	if rests := st.Accepts[accept.Full]; rests > spinning {
		t.Errorf("the listener rested %d times, want a few: it must not spin", rests)
	}
}
