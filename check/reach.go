package check

import (
	"errors"
	"fmt"
	"time"

	"echod/internal/dial"
)

// UnreachableError is returned when there is nothing to check: no connection could
// be made, or no datagram was answered. Its Class is Refused, Timeout, DNS,
// Unreachable, TLS or Local, or "" if that is unknown.
type UnreachableError = dial.UnreachableError

// reach returns nil if the target accepts a connection, or answers a datagram. A target
// that does not is one error, instead of a failure of each rule: an *UnreachableError, or
// the error of the context.
func reach(p *probe) error {
	try := reachStream
	if p.target.Network == "udp" {
		try = reachPacket
	}
	err := try(p)
	switch {
	case err == nil:
		return nil
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	}
	class := classify(err)
	if _, ok := errors.AsType[*dial.HandshakeError](err); ok {
		class = TLS // also if the handshake timed out
	}
	return &UnreachableError{Target: p.target.String(), Class: class, Err: err}
}

func reachStream(p *probe) error {
	s, err := p.open()
	if f, ok := errors.AsType[*failure](err); ok && f.class == Reset {
		return nil // the connection was accepted first
	}
	if err != nil {
		return err
	}
	defer s.Close()
	return dial.AwaitCertRejection(p.ctx, s.Conn, p.Timeout/8)
}

// reachPacket uses a connected socket first, because only that one learns that the
// port is closed; then one that receives from any address.
func reachPacket(p *probe) error {
	connected, err := openConnected(p)
	if err != nil {
		return err
	}
	defer connected.Close()
	if err := expectAnswer(p, connected, p.Timeout/8); err == nil || classify(err) == Refused || p.target.Dial != nil {
		return err
	}
	unconnected, err := openPacket(p)
	if err != nil {
		return err
	}
	defer unconnected.Close()
	return expectAnswer(p, unconnected, p.Timeout/4)
}

// expectAnswer sends up to four datagrams until something arrives.
func expectAnswer(p *probe, socket packetSocket, wait time.Duration) error {
	buf := make([]byte, maxDatagram)
	var err error
	for range 4 {
		if err = socket.send(nextBytes(p.payload(0), 32)); err == nil {
			socket.SetReadDeadline(time.Now().Add(wait))
			if _, _, err = socket.receive(buf); err == nil {
				return nil
			}
		}
		if classify(err) != Timeout || p.ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("no answer to 4 datagrams: %w", err)
}
