package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"echod/internal/agent"
	"echod/internal/endpoint"
)

// run puts one rule to the target, or to the agent behind the path.
func (p *probe) run(rule Rule) error {
	if !rule.Agent {
		return rule.run(p)
	}
	if p.Agent == "" {
		return skipped("needs --agent")
	}
	// Who has no agent, or not this one, has not failed a rule.
	if _, err := p.farEnd().Hello(p.ctx); err != nil && p.ctx.Err() == nil {
		return skipped(err.Error())
	}
	return rule.run(p)
}

// farEnd is the agent. checkAgent has seen its URL.
func (p *probe) farEnd() *agent.Client {
	at, _ := ParseTarget(p.Agent)
	return &agent.Client{Address: at.Address, Token: agent.NewSecret(p.Token), Timeout: p.Timeout}
}

// scene is one connection to the agent, on which it acts a scenario out.
type scene struct {
	*stream
	p      *probe
	acting *agent.Acting
}

// play has the agent begin a scenario. A group is what its runs are counted by.
func (p *probe) play(scenario, group string, params agent.Params) (*scene, error) {
	acting, err := p.farEnd().Start(p.ctx, scenario, group, params)
	var refusal *agent.Refusal
	if errors.As(err, &refusal) && refusal.Permanent() {
		return nil, skipped(err.Error())
	}
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(p.ctx, func() { acting.Close() })
	return &scene{&stream{Conn: acting.Conn, timeout: p.Timeout, release: release}, p, acting}, nil
}

// seen is what the agent saw of the scene, once it has ended there or the
// timeout is over.
func (s *scene) seen() (agent.Report, error) {
	report, err := s.p.farEnd().Report(s.p.ctx, s.acting.ID, s.timeout)
	if err == nil && (report.End == agent.Error || report.End == agent.Limit) {
		err = fmt.Errorf("the agent could not tell: %s after %d ms: %s", report.End, report.EndMS, report.Error)
	}
	return report, err
}

// expectReset reads until the connection is reset, as the agent did at its end.
// Of want, what it sent before, any prefix may come.
func (s *scene) expectReset(want []byte) error {
	got := make([]byte, len(want)+1)
	for {
		s.SetReadDeadline(time.Now().Add(s.timeout))
		n, err := s.Read(got)
		if left := want[s.at:]; n > len(left) {
			return s.extra(got[len(left):n])
		} else if f := differ(got[:n], left[:n:n], bytes.NewReader(left[n:]), s.at); f != nil {
			return f
		}
		s.at += int64(n)
		if err != nil {
			return s.endedByReset(err, len(want))
		}
	}
}

// endedByReset is nil if err is the reset that was due.
func (s *scene) endedByReset(err error, n int) error {
	at, after := int64(-1), "the agent reset the connection"
	if n > 0 {
		at, after = s.at, fmt.Sprintf("the agent sent %d bytes and reset the connection; %d of them came", n, s.at)
	}
	switch class := classify(err); class {
	case Reset:
		return nil
	case PrematureEOF:
		return failAt(at, class, "%s, and it ended as if in order", after)
	case Timeout:
		return failAt(at, Silent, "%s, and for %v there was neither a reset nor a FIN", after, s.timeout)
	}
	return fmt.Errorf("waiting for the reset: %w", err)
}

// checkAgent returns a *UsageError if url is not empty and not a URL of network.
func checkAgent(url, network string) error {
	if url == "" {
		return nil
	}
	_, err := endpoint.Parse(url, network)
	return err
}
