package check

import (
	"crypto/sha256"
	"encoding/hex"

	"echod/internal/agent"
)

var serverFIN = Rule{
	ID:       "stream/server-fin",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "to the agent, which has sent a FIN: 1 KiB, a second later 64 KiB, and a FIN",
	Expects:  "the agent's FIN at once, and that the agent receives everything and then the client's FIN",
	Meaning:  "After the server has finished sending, bytes from the client are lost: one-way streams break.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a proxy that closes both directions when the server sends a FIN",
			Remedy:  "nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and continue to read from the client",
		},
		{
			Classes: []Class{Silent},
			Text:    "a proxy that forwards the server's FIN only after the client has sent one",
			Remedy:  "forward each FIN when it arrives (shutdown with SHUT_WR)",
		},
	},
	sampled: true,
	run:     runServerFIN,
}

func runServerFIN(p *probe) error {
	s, err := p.startHalfClosable("fin-first", nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.expectFIN(); err != nil {
		if f, ok := err.(*failure); ok && f.class == Silent {
			f.detail = "the agent's FIN did not arrive within " + s.timeout.String()
		}
		return err
	}
	before, after := 1<<10, p.perSample(64<<10)
	out := p.payload(0)
	if err := s.sendFrom(out, before); err != nil {
		return err
	}
	p.pause(quiet)
	if err := s.sendFrom(out, after); err != nil {
		return err
	}
	if err := s.closeWrite(); err != nil {
		return err
	}
	report, err := s.report()
	if err != nil {
		return err
	}
	return about(int64(before+after), receivedAll(report, nextBytes(p.payload(0), before+after)))
}

// receivedAll returns nil if the agent received want and then a FIN; else the failure.
func receivedAll(report agent.Report, want []byte) error {
	n, sum := int64(len(want)), sha256.Sum256(want)
	switch {
	case report.End == agent.Reset:
		return failAt(report.Received, Reset, "the agent saw a reset after %d of %d bytes", report.Received, n)
	case report.Received < n && report.End == agent.FIN:
		return failAt(report.Received, PrematureEOF, "the agent saw a FIN after %d of %d bytes", report.Received, n)
	case report.Received < n:
		return failAt(report.Received, Timeout, "the agent received %d of %d bytes", report.Received, n)
	case report.Received > n:
		return failAt(n, ExtraBytes, "the agent received %d bytes, and %d were sent", report.Received, n)
	case report.SHA256 != hex.EncodeToString(sum[:]):
		return fail(Corrupt, "the agent received %d bytes that differ from those that were sent", n)
	case report.End != agent.FIN:
		return fail(Silent, "the agent received all %d bytes and neither a FIN nor a reset", n)
	}
	return nil
}
