package check

import (
	"crypto/sha256"
	"encoding/hex"

	"echod/internal/agent"
)

var serverFin = Rule{
	ID:       "stream/server-fin",
	Networks: []string{"tcp"},
	Sends:    "to the agent, which has sent a FIN: 1 KiB, a second later 64 KiB, and a FIN",
	Expects:  "the agent's FIN at once; and that the agent receives all of it, then the client's FIN",
	Meaning:  "Once the server has finished sending, what the client still sends is lost: one-way streams break.",
	Agent:    true,
	run:      runServerFin,
}

func runServerFin(p *probe) error {
	s, err := p.play("fin-first", "", nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.expectServerFin(); err != nil {
		return err
	}
	const before, after = 1 << 10, 64 << 10
	out := p.payload(0)
	if err := s.sendFrom(out, before); err != nil {
		return err
	}
	p.pause(quiet)
	if err := s.sendFrom(out, after); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	report, err := s.seen()
	if err != nil {
		return err
	}
	return receivedAll(report, take(p.payload(0), before+after))
}

// expectServerFin reads the FIN that the agent sent first.
func (s *scene) expectServerFin() error {
	err := s.expectFin()
	if f, ok := err.(*failure); ok && f.class == Silent {
		f.detail = "the agent's FIN did not arrive within " + s.timeout.String()
	}
	return err
}

// receivedAll reports whether the agent received want and then a FIN.
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
		return fail(Corrupt, "the agent received %d bytes that are not those that were sent", n)
	case report.End != agent.FIN:
		return fail(Silent, "the agent received all %d bytes and neither a FIN nor a reset", n)
	}
	return nil
}
