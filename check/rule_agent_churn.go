package check

import (
	"crypto/rand"
	"time"
)

var churn = Rule{
	ID:       "stream/churn",
	Networks: []string{"tcp"},
	Sends:    "40 connections to the agent, 8 at a time; of half of them the client ends its direction first, of the others the agent",
	Expects:  "that soon none of them is open at the agent",
	Meaning:  "Connections that both sides have ended stay half open on the path: in time it runs out of them.",
	Agent:    true,
	stage:    crowd,
	run:      runChurn,
}

func runChurn(p *probe) error {
	const rounds, side = 5, 8
	group := rand.Text()
	for range rounds {
		err := atOnce(side, func(i int) error {
			if i%2 == 0 {
				return clientEnds(p, group)
			}
			return agentEnds(p, group)
		})
		if err != nil {
			return err
		}
	}
	return p.expectNoneOpen(group, rounds*side)
}

// clientEnds sends its FIN first. What then comes back is another rule's.
func clientEnds(p *probe, group string) error {
	s, err := p.play("answer-late", group, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	s.timeout = promptly
	s.finish()
	s.drain()
	return nil
}

// agentEnds closes once the agent's FIN is there, or does not come.
func agentEnds(p *probe, group string) error {
	s, err := p.play("fin-first", group, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	s.timeout = promptly
	s.drain()
	return nil
}

// expectNoneOpen asks the agent until it has no run of the group left, for as
// long as the timeout.
func (p *probe) expectNoneOpen(group string, of int) error {
	for deadline := time.Now().Add(p.Timeout); ; p.pause(100 * time.Millisecond) {
		open, err := p.farEnd().Count(p.ctx, group)
		switch {
		case err != nil:
			return err
		case open == 0:
			p.note("%d connections ended on both sides", of)
			return nil
		case time.Now().After(deadline):
			return fail(Silent, "%d of %d connections were still open at the agent %v after the client had closed them all", open, of, p.Timeout)
		}
	}
}
