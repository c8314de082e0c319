package check

import (
	"crypto/rand"
	"sync/atomic"
	"time"
)

var churn = Rule{
	ID:       "stream/churn",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "40 connections to the agent, 8 at a time; the client half-closes one half of them first, the agent the other half",
	Expects:  "that soon none of them is open at the agent",
	Meaning:  "Connections that both sides have ended stay half open on the path, which runs out of them in time.",
	Causes: []Cause{
		{
			Classes: []Class{Silent},
			Text:    "a proxy that does not forward the end, or does not close a connection that both sides have ended",
			Remedy:  "forward each FIN, and close both connections when both directions have ended",
		},
	},
	stage: crowd,
	run:   runChurn,
}

func runChurn(p *probe) error {
	const rounds, perRound = 5, 8
	group := rand.Text()
	var resets atomic.Int64 // for the note: what comes before the end is checked by other rules
	for range rounds {
		err := atOnce(perRound, func(i int) error { return openAndClose(p, group, i%2 == 0, &resets) })
		if err != nil {
			return err
		}
	}
	if err := expectNoneOpen(p, group, rounds*perRound); err != nil {
		return err
	}
	p.setNote("%d connections ended on both sides", rounds*perRound)
	if n := resets.Load(); n > 0 {
		p.setNote("%s, %d of them with a reset", p.note, n)
	}
	return nil
}

// openAndClose ends both directions of a new connection, first that of the client or
// that of the agent. Other rules check what is received before the end.
func openAndClose(p *probe, group string, clientFirst bool, resets *atomic.Int64) error {
	scenario := "fin-first"
	if clientFirst {
		scenario = "answer-late"
	}
	s, err := p.startScenario(scenario, group, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	s.timeout = time.Second
	if clientFirst {
		s.closeWrite()
	}
	if classify(s.discard()) == Reset {
		resets.Add(1)
	}
	return nil
}

// expectNoneOpen expects that within the timeout the agent has no open connection of
// the group.
func expectNoneOpen(p *probe, group string, total int) error {
	for deadline := time.Now().Add(p.Timeout); ; p.pause(100 * time.Millisecond) {
		open, err := p.agentClient().Count(p.ctx, group)
		switch {
		case err != nil:
			return err
		case open == 0:
			return nil
		case time.Now().After(deadline):
			return fail(Silent, "%d of %d connections were still open at the agent %v after the client had closed them all", open, total, p.Timeout)
		}
	}
}
