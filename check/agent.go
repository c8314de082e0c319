package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
)

// agentTarget returns the remote agent. Run has validated its URL.
func (p *probe) agentTarget() dial.Target {
	target, _ := dial.Parse(p.Agent)
	target.TLS = p.target.TLS
	return p.target.sameSockets(target)
}

// agentClient returns a client of the remote agent for requests that are not part of what
// the rule checks.
func (p *probe) agentClient() *agent.Client {
	aside := *p
	aside.batches, aside.opened = nil, nil
	return aside.scenarioClient()
}

// scenarioClient returns a client of the remote agent whose connections are those of the
// rule.
func (p *probe) scenarioClient() *agent.Client {
	target := p.agentTarget()
	connect := target.DialTransport
	target.Via = func(context.Context) (net.Conn, error) {
		made := p.connect(connect)
		return made.conn, made.err
	}
	return &agent.Client{Target: target, Token: agent.NewSecret(p.Token), Timeout: p.Timeout}
}

// greetAgent asks the agent what it supports. It returns a skipped error if the agent cannot
// be used for the target.
func (p *probe) greetAgent() error {
	agentNetwork := p.agentTarget().Network
	if p.target.Network != "udp" && agentNetwork != p.target.Network {
		return skipped(fmt.Sprintf("the target has %s:// and --agent has %s://: want the same", p.target.Network, agentNetwork))
	}
	hello, err := p.agentClient().Hello(p.ctx)
	if err != nil && p.ctx.Err() == nil {
		return skipBecause(err)
	}
	p.terminated = agentNetwork == "tls" && !hello.TLS
	return nil
}

// longestDelay returns most, or the longest delay that the agent allows if that is
// shorter. Then limit is what a report says about it.
func (p *probe) longestDelay(most time.Duration) (longest time.Duration, limit string, err error) {
	hello, err := p.agentClient().Hello(p.ctx)
	if allowed := time.Duration(hello.MaxDelayMS) * time.Millisecond; 0 < allowed && allowed < most {
		return allowed, ", the longest that the agent allows (its --max-time)", err
	}
	return most, "", err
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
	began := time.Now()
	conn, err := p.scenarioClient().Start(p.ctx, scenario, group, params)
	var refusal *agent.Refusal
	if errors.As(err, &refusal) && refusal.Permanent() {
		return nil, skipBecause(err)
	}
	if err != nil {
		return nil, err
	}
	s := p.newStream(attempt{conn: conn.Conn, began: began}, scenario)
	s.release = context.AfterFunc(p.ctx, func() { dial.Transport(conn.Conn).Close() })
	return &agentStream{s, p, conn}, nil
}

// startHalfClosable is startScenario for a scenario in which one side sends after the
// other has finished.
func (p *probe) startHalfClosable(scenario string, params agent.Params) (*agentStream, error) {
	s, err := p.startScenario(scenario, "", params)
	if err != nil {
		return nil, err
	}
	if c, ok := s.Conn.(*tls.Conn); ok && c.ConnectionState().Version < tls.VersionTLS13 {
		s.Close()
		return nil, skipped("TLS 1.2 has no half-close: the first close_notify ends both directions (RFC 5246, section 7.2.1)")
	}
	return s, nil
}

// report returns what the agent saw on the connection. It waits for the scenario to
// end, but not longer than the timeout.
func (s *agentStream) report() (agent.Report, error) {
	report, err := s.p.agentClient().Report(s.p.ctx, s.run.ID, s.timeout)
	if err == nil {
		s.steps.far = &report
	}
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
			return s.on(f)
		}
		s.received += int64(n)
		if err != nil {
			return s.resetError(err, len(sent))
		}
	}
}

// resetError returns nil if err is a reset, which was due; else the failure. With TLS, any
// end without close_notify is due, if a complete stream ends otherwise. sent is how many
// bytes the agent sent before the reset.
func (s *agentStream) resetError(err error, sent int) error {
	offset, after := int64(-1), "the agent reset the connection"
	if sent > 0 {
		offset, after = s.received, fmt.Sprintf("the agent sent %d bytes and reset the connection; %d of them arrived", sent, s.received)
	}
	switch class := classify(err); {
	case class == Reset:
		return nil
	case isAlert(err):
		s.p.setNote("the reset arrived as an alert: %s", plainText(err))
		return nil
	case class == PrematureEOF && s.endedByBareFIN(err):
		return s.on(s.p.acceptBareFIN(offset, after))
	case class == PrematureEOF:
		f := s.failAt(offset, class, "%s, and the client saw an orderly end", after)
		f.evidence = s.p.terminator()
		return f
	case class == Timeout:
		return s.failAt(offset, Silent, "%s, and for %v there was neither a reset nor a FIN", after, s.timeout)
	}
	return fmt.Errorf("waiting for the reset: %w", err)
}
