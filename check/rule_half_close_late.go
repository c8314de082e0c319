package check

import (
	"fmt"
	"time"

	"echod/internal/agent"
)

var halfCloseLate = Rule{
	ID:       "stream/half-close-late",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "data and a FIN to the agent, which answers 1 s later; with --long, also 10 s and 70 s later",
	Expects:  "all of it, then a FIN",
	Meaning:  "A connection on which only the server still sends is dropped after a while: late answers are lost.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a timeout for half-closed connections, or a proxy that closes both directions when the client sends a FIN",
			Remedy:  "nginx stream: proxy_half_close on; socat: a longer -t; haproxy: a longer timeout client-fin; others: a longer timeout after a FIN",
		},
		finMissing,
	},
	run: runHalfCloseLate,
}

func runHalfCloseLate(p *probe) error {
	delays := []time.Duration{time.Second, 10 * time.Second, 70 * time.Second}
	if !p.Long {
		return expectLateAnswer(p, 0, delays[0])
	}
	return atOnce(len(delays), func(i int) error { return expectLateAnswer(p, i, delays[i]) })
}

func expectLateAnswer(p *probe, i int, delay time.Duration) (err error) {
	defer func() {
		if err != nil {
			err = inCase(fmt.Sprintf("answered %v after the FIN", delay), err)
		}
	}()
	s, err := p.startHalfClosable("answer-late", agent.Params{"delay": int(delay.Milliseconds())})
	if err != nil {
		return err
	}
	defer s.Close()
	const n = 4 << 10
	if err := s.sendFrom(p.payload(i), n); err != nil {
		return err
	}
	if err := s.closeWrite(); err != nil {
		return err
	}
	s.timeout += delay
	if err := s.expect(p.payload(i), n); err != nil {
		return err
	}
	return s.expectFIN()
}
