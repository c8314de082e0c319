package check

import (
	"errors"
	"fmt"
	"time"

	"echod/internal/dial"
)

var refused = Rule{
	ID:       "stream/refused",
	Networks: streams,
	Sends:    "a connect to a port behind the path where nobody listens (--closed)",
	Expects:  "a refusal",
	Meaning:  "The path accepts for a server that is not there: clients and health checks take a dead server for a living one.",
	flag:     "--closed",
	run:      runRefused,
}

func runRefused(p *probe) error {
	if p.Closed == "" {
		return skipped("needs --closed URL")
	}
	closed, err := closedTarget(p.Closed)
	if err != nil {
		return err
	}
	ctx, cancel := p.withTimeout()
	defer cancel()
	start := time.Now()
	conn, err := closed.way().DialBare(ctx)
	took := time.Since(start).Round(100 * time.Microsecond)
	switch class := classify(err); {
	case err == nil:
		s := &stream{Conn: conn, timeout: p.Timeout, release: func() bool { return true }}
		defer s.Close()
		return accepted(p, s)
	case class == Refused, class == Unreachable:
		p.note("%s after %v", class, took)
		return nil
	case class == Reset:
		// A reset that answers the SYN reads as a refusal. A connect that ends in
		// a reset was accepted, and reset before this side had looked.
		return fail(Reset, "the connect was accepted, then reset after %v", took)
	case class == Timeout:
		return fail(class, "for %v the connect was neither refused nor accepted", p.Timeout)
	}
	return fmt.Errorf("connect: %w", err)
}

// accepted says what followed a connect that should have been refused.
func accepted(p *probe, s *stream) error {
	start := time.Now()
	err := s.exchange(p.payload(0), p.payload(0), 1)
	took := time.Since(start).Round(100 * time.Microsecond)
	var f *failure
	switch {
	case err == nil:
		return fmt.Errorf("an echo answers at %s: give the URL of a port behind which nobody listens", p.Closed)
	case !errors.As(err, &f):
		return err
	case f.class == Reset:
		return fail(Reset, "the connect was accepted, then reset after %v", took)
	case f.class == PrematureEOF:
		return fail(PrematureEOF, "the connect was accepted, then ended by a FIN after %v", took)
	case f.class == Timeout:
		return fail(Silent, "the connect was accepted, and then nothing came for %v", p.Timeout)
	}
	return f
}

// closedTarget reads Options.Closed. UDP has no connect that could be refused. The
// error is a *UsageError.
func closedTarget(url string) (Target, error) {
	target, err := dial.Parse(url, "tcp", "tls", "unix")
	return Target{Network: target.Network, Address: target.Address}, err
}
