package check

import (
	"crypto/tls"
	"errors"
	"net"

	"echod/internal/agent"
	"echod/internal/dial"
)

// terminatorHidesAborts is the cause of each rule about an end that is not orderly, if a TLS
// terminator is on the path.
var terminatorHidesAborts = Cause{
	Classes:  []Class{PrematureEOF, Truncated},
	Evidence: []Evidence{Terminator},
	Text:     "a TLS terminator that closes its second connection in an orderly way, however the first one ended (stunnel, hitch, nginx stream; haproxy does it for all except a reset of the client)",
	Remedy:   "no option of these programs is known to change that: end each message with its length or an end mark, so that the receiver notices what is missing",
}

var tlsTruncationToServer = Rule{
	ID:       "tls/truncation-to-server",
	Networks: secure,
	Needs:    []string{"--agent"},
	Sends:    "64 bytes to the agent and a FIN without close_notify",
	Expects:  "that the agent sees the truncation or, behind a TLS terminator, a reset; but that it sees an orderly end after a close_notify",
	Meaning:  "To the server, a truncated stream looks like a complete one: an attacker who can cut the connection can shorten what clients send.",
	Causes: []Cause{
		terminatorHidesAborts,
		{
			Classes: []Class{Truncated},
			Text:    "a proxy that decrypts, and encrypts again for the server, and sends close_notify at every end",
			Remedy:  "close the second connection without close_notify if the first one ended without it",
		},
		{
			Classes: []Class{Silent},
			Text:    "a proxy that does not notice the FIN below TLS",
			Remedy:  "continue to read until the end of the stream",
		},
	},
	sampled: true,
	run:     runTLSTruncationToServer,
}

func runTLSTruncationToServer(p *probe) error {
	s, err := p.startScenario("take", "", nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), 64); err != nil {
		return err
	}
	if err := s.truncate(); err != nil {
		return err
	}
	report, err := s.report()
	switch {
	case err != nil:
		return err
	case report.End == agent.FIN && p.terminated:
		f := s.fail(Truncated, "the client sent a FIN without close_notify, and behind the TLS terminator the agent saw an orderly FIN")
		f.evidence = Terminator
		return f
	case report.End == agent.FIN:
		return s.fail(Truncated, "the client sent a FIN without close_notify, and the agent received a close_notify")
	case report.End == agent.Open:
		return s.fail(Silent, "the client sent a FIN without close_notify, and %v later the agent had seen neither an end nor a reset", s.timeout)
	}
	complete, err := p.completeStream()
	if err != nil {
		return err
	}
	if complete.report.End != agent.FIN {
		return skipped("inconclusive: a complete stream has no orderly end at the agent either: see " + halfCloseLate.ID)
	}
	p.setNote("the agent saw %s", map[agent.End]string{agent.Truncated: "the truncation", agent.Reset: "a reset"}[report.End])
	return nil
}

var tlsTruncationToClient = Rule{
	ID:       "tls/truncation-to-client",
	Networks: secure,
	Needs:    []string{"--agent"},
	Sends:    "64 bytes to the agent, which sends them back and ends without close_notify; behind a TLS terminator it resets its connection",
	Expects:  "an end without close_notify: an alert, a FIN or a reset; but a close_notify after a complete reply",
	Meaning:  "To the client, a truncated reply looks like a complete one: a close_notify on this path does not mean that the server has finished.",
	Causes: []Cause{
		terminatorHidesAborts,
		{
			Classes: []Class{Truncated},
			Text:    "a proxy that decrypts, and encrypts again for the client, and sends close_notify at every end",
			Remedy:  "close the second connection without close_notify if the first one ended without it",
		},
		{
			Classes: []Class{Silent},
			Text:    "a proxy that does not forward the end",
			Remedy:  "forward each end when it arrives",
		},
	},
	sampled: true,
	run:     runTLSTruncationToClient,
}

func runTLSTruncationToClient(p *probe) error {
	scenario, did := "truncate", "ended its stream with a FIN and without close_notify"
	if p.terminated {
		scenario, did = "reset", "reset its connection behind the TLS terminator"
	}
	const n = 64
	s, err := p.startScenario(scenario, "", agent.Params{"take": n, "give": n})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), n); err != nil {
		return err
	}
	err = s.discard()
	switch {
	case dial.GotCloseNotify(s.Conn, err):
		f := s.fail(Truncated, "the agent %s, and the client received a close_notify", did)
		f.evidence = p.terminator()
		return f
	case classify(err) == Timeout:
		return s.fail(Silent, "the agent %s, and %v later the stream had not ended", did, s.timeout)
	case classify(err) == Reset:
		p.setNote("ended by a reset")
		return nil
	case isAlert(err):
		p.setNote("ended by %s", plainText(err))
		return nil
	case !s.endedByBareFIN(err):
		return s.callError("waiting for the end", err)
	}
	complete, err := p.completeStream()
	if err != nil {
		return err
	}
	if !complete.notified {
		return skipped("inconclusive: a complete reply, too, ends with a FIN and without close_notify: see " + tlsHalfClose.ID)
	}
	p.setNote("ended by a FIN without close_notify")
	return nil
}

// truncate ends the client's direction with a FIN and without close_notify.
func (s *stream) truncate() error {
	bare := dial.Transport(s.Conn)
	if _, ok := bare.(halfCloser); !ok {
		return skipped("the connection below TLS cannot be half-closed")
	}
	if err := s.shutdown(bare); err != nil {
		return s.callError("truncating the stream", err)
	}
	return nil
}

// completeEnd is how a stream of TLS ended that both sides ended in order.
type completeEnd struct {
	notified bool // the client received a close_notify
	report   agent.Report
}

// completeStream sends 64 bytes and a close_notify to the agent, which sends them back and
// ends.
func (p *probe) completeStream() (completeEnd, error) {
	s, err := p.startScenario("answer-late", "", nil)
	if err != nil {
		return completeEnd{}, err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(1), 64); err != nil {
		return completeEnd{}, err
	}
	if err := s.closeWrite(); err != nil {
		return completeEnd{}, err
	}
	notified := dial.GotCloseNotify(s.Conn, s.discard())
	report, err := s.report()
	return completeEnd{notified, report}, err
}

// acceptBareFIN is for a reset of the agent that has arrived as a FIN without close_notify.
// It returns a failure if a complete reply ends in the same way. did says what the agent did.
func (p *probe) acceptBareFIN(offset int64, did string) error {
	complete, err := p.completeStream()
	if err != nil {
		return err
	}
	if !complete.notified {
		return failAt(offset, PrematureEOF, "%s, and the client saw a FIN without close_notify, as after a complete reply", did)
	}
	p.setNote("the reset arrived as a FIN without close_notify")
	return nil
}

// terminator returns the evidence that a TLS terminator is on the path, if there is one.
func (p *probe) terminator() Evidence {
	if p.terminated {
		return Terminator
	}
	return ""
}

// endedByBareFIN reports whether err is the end of a stream of TLS by a FIN without
// close_notify.
func (s *stream) endedByBareFIN(err error) bool {
	_, secure := s.Conn.(*tls.Conn)
	return secure && classify(err) == PrematureEOF && !dial.GotCloseNotify(s.Conn, err)
}

// isAlert reports whether err is an alert that the other side of TLS sent.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" // crypto/tls has no exported type for it
}

// noteWorthlessCloseNotify adds to a tls/half-close that passed that its close_notify shows
// nothing, if truncation, the result of tls/truncation-to-client, is a failure.
func noteWorthlessCloseNotify(results []Result, truncation *Result) {
	if truncation == nil || truncation.Class != Truncated {
		return
	}
	for i := range results {
		if r := &results[i]; r.Rule == tlsHalfClose.ID && r.Verdict == Pass {
			r.Detail = "but the close_notify shows nothing: it also follows a truncated reply (" + truncation.Rule + ")"
		}
	}
}
