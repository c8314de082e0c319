package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"echod/internal/agent"
)

// agentClient returns a client of the remote agent. Run has validated its URL.
func (p *probe) agentClient() *agent.Client {
	target, _ := ParseTarget(p.Agent)
	return &agent.Client{Address: target.Address, Token: agent.NewSecret(p.Token), Timeout: p.Timeout}
}

// agentStream is one connection to the remote agent, which runs a scenario on it.
type agentStream struct {
	*stream
	p   *probe
	run *agent.Conn
}

// startScenario makes the agent run a scenario on a new connection. The agent counts
// its open runs by group.
func (p *probe) startScenario(scenario, group string, params agent.Params) (*agentStream, error) {
	conn, err := p.agentClient().Start(p.ctx, scenario, group, params)
	var refusal *agent.Refusal
	if errors.As(err, &refusal) && refusal.Permanent() {
		return nil, skipBecause(err)
	}
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(p.ctx, func() { conn.Close() })
	return &agentStream{&stream{Conn: conn.Conn, timeout: p.Timeout, release: release}, p, conn}, nil
}

// report returns what the agent saw on the connection. It waits for the scenario to
// end, but not longer than the timeout.
func (s *agentStream) report() (agent.Report, error) {
	report, err := s.p.agentClient().Report(s.p.ctx, s.run.ID, s.timeout)
	if err == nil && (report.End == agent.Error || report.End == agent.Limit) {
		err = fmt.Errorf("the agent's report is inconclusive: %s after %d ms: %s", report.End, report.EndMS, report.Error)
	}
	return report, err
}

// expectReset reads until the connection is reset. sent is what the agent sent before
// the reset: any prefix of it may arrive.
func (s *agentStream) expectReset(sent []byte) error {
	got := make([]byte, len(sent)+1)
	for {
		s.SetReadDeadline(time.Now().Add(s.timeout))
		n, err := s.Read(got)
		if left := sent[s.received:]; n > len(left) {
			return s.extraBytes(got[len(left):n])
		} else if f := checkBytes(got[:n], left[:n:n], bytes.NewReader(left[n:]), s.received); f != nil {
			return f
		}
		s.received += int64(n)
		if err != nil {
			return s.resetError(err, len(sent))
		}
	}
}

// resetError returns nil if err is a reset, which was due; else the failure. sent is
// how many bytes the agent sent before the reset.
func (s *agentStream) resetError(err error, sent int) error {
	offset, after := int64(-1), "the agent reset the connection"
	if sent > 0 {
		offset, after = s.received, fmt.Sprintf("the agent sent %d bytes and reset the connection; %d of them arrived", sent, s.received)
	}
	switch class := classify(err); class {
	case Reset:
		return nil
	case PrematureEOF:
		return failAt(offset, class, "%s, and the client saw an orderly end", after)
	case Timeout:
		return failAt(offset, Silent, "%s, and for %v there was neither a reset nor a FIN", after, s.timeout)
	}
	return fmt.Errorf("waiting for the reset: %w", err)
}
