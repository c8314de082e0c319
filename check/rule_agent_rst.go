package check

import (
	"echod/internal/agent"
)

var rstToServer = Rule{
	ID:       "stream/rst-to-server",
	Networks: []string{"tcp"},
	Sends:    "a reset to the agent (a close with SO_LINGER 0)",
	Expects:  "that the agent sees a reset, and no FIN",
	Meaning:  "A client that breaks off looks to the server like one that has finished: half an upload is taken for all of it.",
	Agent:    true,
	run:      runRstToServer,
}

func runRstToServer(p *probe) error {
	s, err := p.play("take", "", nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, ok := s.Conn.(interface{ SetLinger(sec int) error }); !ok {
		return skipped("this connection cannot be reset")
	}
	s.abort()
	report, err := s.seen()
	switch {
	case err != nil:
		return err
	case report.End == agent.FIN:
		return fail(PrematureEOF, "the client reset the connection, and the agent saw a FIN")
	case report.End == agent.Open:
		return fail(Silent, "the client reset the connection, and %v later the agent had seen neither a reset nor a FIN", s.timeout)
	}
	p.note("the agent saw the reset after %d ms", report.EndMS)
	return nil
}

var rstToClient = Rule{
	ID:       "stream/rst-to-client",
	Networks: []string{"tcp"},
	Sends:    "one byte to the agent, which then resets the connection",
	Expects:  "a reset, and no FIN",
	Meaning:  "A server that breaks off looks to the client like one that has finished.",
	Agent:    true,
	run:      runRstToClient,
}

func runRstToClient(p *probe) error {
	s, err := p.play("reset", "", agent.Params{"take": 1})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), 1); err != nil {
		return err
	}
	return s.expectReset(nil)
}

var rstAfterData = Rule{
	ID:       "stream/rst-after-data",
	Networks: []string{"tcp"},
	Sends:    "64 KiB to the agent, which sends them back and resets the connection",
	Expects:  "a prefix of them and a reset, never a FIN",
	Meaning:  "A reply that the server broke off ends as if it were whole: half a download is taken for all of it.",
	Agent:    true,
	run:      runRstAfterData,
}

func runRstAfterData(p *probe) error {
	const n = 64 << 10
	s, err := p.play("reset", "", agent.Params{"take": n, "give": n})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), n); err != nil {
		return err
	}
	if err := s.expectReset(take(p.payload(0), n)); err != nil {
		return err
	}
	p.note("%s of %s arrived, then the reset", size(s.at), size(n))
	return nil
}
