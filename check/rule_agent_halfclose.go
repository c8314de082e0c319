package check

import (
	"fmt"
	"time"

	"echod/internal/agent"
)

var halfCloseLate = Rule{
	ID:       "stream/half-close-late",
	Networks: []string{"tcp"},
	Sends:    "data and a FIN to the agent, which answers 1 s later; with --long 10 s and 70 s later, too",
	Expects:  "all of it, then a FIN",
	Meaning:  "A connection on which only the server has something left to say is dropped after a while: late answers are lost.",
	Agent:    true,
	run:      runHalfCloseLate,
}

func runHalfCloseLate(p *probe) error {
	if !p.Long {
		return answeredLate(p, 0, time.Second)
	}
	delays := []time.Duration{time.Second, 10 * time.Second, 70 * time.Second}
	return atOnce(len(delays), func(i int) error { return answeredLate(p, i, delays[i]) })
}

func answeredLate(p *probe, i int, delay time.Duration) error {
	if err := expectLate(p, i, delay); err != nil {
		return inCase(fmt.Sprintf("answered %v after the FIN", delay), err)
	}
	return nil
}

func expectLate(p *probe, i int, delay time.Duration) error {
	s, err := p.play("answer-late", "", agent.Params{"delay": int(delay.Milliseconds())})
	if err != nil {
		return err
	}
	defer s.Close()
	const n = 4 << 10
	if err := s.sendFrom(p.payload(i), n); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	s.timeout += delay
	if err := s.expect(p.payload(i), n); err != nil {
		return err
	}
	return s.expectFin()
}
