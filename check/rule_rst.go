package check

import (
	"echod/internal/agent"
	"echod/internal/dial"
)

// resetHidden is the cause of each rule in this file.
var resetHidden = []Cause{
	terminatorHidesAborts,
	{
		Classes: []Class{PrematureEOF},
		Text:    "a proxy that closes its second connection in an orderly way, however the first one ended",
		Remedy:  "close the second connection with SO_LINGER 0 when a read or a write on the first failed with a reset",
	},
}

var rstToServer = Rule{
	ID:       "stream/rst-to-server",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "a reset to the agent (a close with SO_LINGER 0)",
	Expects:  "that the agent sees a reset, and no FIN",
	Meaning:  "To the server, a client that aborts looks like one that has finished: half an upload counts as complete.",
	Causes:   resetHidden,
	sampled:  true,
	run:      runRSTToServer,
}

func runRSTToServer(p *probe) error {
	s, err := p.startScenario("take", "", nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, ok := dial.Transport(s.Conn).(interface{ SetLinger(sec int) error }); !ok {
		return skipped("this connection cannot be reset")
	}
	s.abort()
	report, err := s.report()
	switch {
	case err != nil:
		return err
	case report.End == agent.FIN:
		f := s.fail(PrematureEOF, "the client reset the connection, and the agent saw a FIN")
		f.evidence = p.terminator()
		return f
	case report.End == agent.Open:
		return s.fail(Silent, "the client reset the connection, and %v later the agent had seen neither a reset nor a FIN", s.timeout)
	}
	if report.End == agent.Truncated {
		p.setNote("the agent saw a FIN without close_notify after %d ms", report.EndMS)
		return nil
	}
	p.setNote("the agent saw the reset after %d ms", report.EndMS)
	return nil
}

var rstToClient = Rule{
	ID:       "stream/rst-to-client",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "one byte to the agent, which then resets the connection",
	Expects:  "a reset, and no FIN",
	Meaning:  "To the client, a server that aborts looks like one that has finished.",
	Causes:   resetHidden,
	sampled:  true,
	run:      runRSTToClient,
}

func runRSTToClient(p *probe) error {
	s, err := p.startScenario("reset", "", agent.Params{"take": 1})
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
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "64 KiB to the agent, which sends them back and resets the connection",
	Expects:  "a prefix of them and a reset, never a FIN",
	Meaning:  "A reply that the server aborted ends as if it were complete: half a download counts as complete.",
	Causes:   resetHidden,
	sampled:  true,
	run:      runRSTAfterData,
}

func runRSTAfterData(p *probe) error {
	n := p.perSample(64 << 10)
	s, err := p.startScenario("reset", "", agent.Params{"take": n, "give": n})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), n); err != nil {
		return err
	}
	if err := s.expectReset(nextBytes(p.payload(0), n)); err != nil {
		return about(int64(n), err)
	}
	arrived := size(s.received) + " of " + size(int64(n)) + " arrived"
	if p.note == "" {
		p.setNote("%s, then the reset", arrived)
	} else {
		p.setNote("%s; %s", arrived, p.note)
	}
	return nil
}
