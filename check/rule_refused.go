package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"echod/internal/dial"
)

var refused = Rule{
	ID:       "stream/refused",
	Networks: streams,
	Needs:    []string{"--closed"},
	Sends:    "a connect to a port behind the path on which nothing listens (--closed)",
	Expects:  "a refusal",
	Meaning:  "The path accepts connections for a server that is down: clients and health checks take the server for a running one.",
	Causes: []Cause{
		{
			Classes: []Class{Reset, PrematureEOF, Silent},
			Text:    "a proxy or tunnel that accepts before it has connected to the server (docker-proxy, ssh -L, most TCP proxies)",
			Remedy:  "make health checks expect an answer, not only a connection",
		},
		{
			Classes: []Class{Timeout},
			Text:    "a firewall that drops instead of rejecting",
			Remedy:  "reject (iptables -j REJECT --reject-with tcp-reset)",
		},
	},
	run: runRefused,
}

func runRefused(p *probe) error {
	closed, err := closedTarget(p.Closed)
	if err != nil {
		return err
	}
	ctx, cancel := p.withTimeout()
	defer cancel()
	start := time.Now()
	conn, err := p.target.sameSockets(closed.dialTarget()).DialTransport(ctx)
	elapsed := time.Since(start).Round(100 * time.Microsecond)
	switch class := classify(err); {
	case err == nil:
		return acceptedFailure(ctx, p, closed, conn)
	case class == Refused, class == Unreachable:
		p.setNote("%s after %v", class, elapsed)
		return nil
	case class == Reset:
		// A reset in response to the SYN reads as a refusal. This connect was
		// accepted, and reset before this side saw the connection.
		return fail(Reset, "the connect was accepted, then reset after %v", elapsed)
	case class == Timeout:
		return fail(class, "for %v the connect was neither refused nor accepted", p.Timeout)
	}
	return fmt.Errorf("connect: %w", err)
}

// acceptedFailure returns what happened after a connect to closed that should have been
// refused. On the network tls, a TLS terminator may answer the handshake.
func acceptedFailure(ctx context.Context, p *probe, closed Target, conn net.Conn) error {
	accepted := "the connect was accepted"
	if closed.Network == "tls" {
		transport := conn
		closed.TLS, closed.Dial = p.target.TLS, func(context.Context) (net.Conn, error) { return transport, nil }
		var err error
		if conn, err = closed.dialTarget().Dial(ctx); err != nil {
			handshake, _ := errors.AsType[*dial.HandshakeError](err)
			return fail(cmp.Or(classify(handshake.Err), TLS), "%s, and the TLS handshake failed: %s", accepted, plainText(handshake.Err))
		}
		accepted = "the connect and the TLS handshake were accepted"
	}
	s := p.newStream(attempt{conn: conn, began: time.Now()}, "")
	defer s.Close()
	start := time.Now()
	err := s.exchange(p.payload(0), p.payload(0), 1)
	elapsed := time.Since(start).Round(100 * time.Microsecond)
	var f *failure
	switch {
	case err == nil:
		return fmt.Errorf("an echo answers at %s: pass the URL of a port on which nothing listens", p.Closed)
	case !errors.As(err, &f):
		return err
	case f.class == Reset:
		return s.fail(Reset, "%s, then reset after %v", accepted, elapsed)
	case f.class == PrematureEOF:
		return s.fail(PrematureEOF, "%s, then ended by a FIN after %v", accepted, elapsed)
	case f.class == Timeout:
		return s.fail(Silent, "%s, and then nothing arrived for %v", accepted, p.Timeout)
	}
	return f
}

// closedTarget parses Options.Closed. UDP has no connect that could be refused. The
// error is a *UsageError.
func closedTarget(url string) (Target, error) {
	target, err := dial.Parse(url, "tcp", "tls", "unix")
	return Target{Network: target.Network, Address: target.Address}, err
}
