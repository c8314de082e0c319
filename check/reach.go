package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"echod/internal/dial"
)

// Reach asks once whether anybody is there, as Run does before anything else.
// The error is an *UnreachableError, or ctx's.
func Reach(ctx context.Context, target Target, o Options) error {
	return reach(&probe{ctx: ctx, rule: "reach", target: target, Options: o.withDefaults()})
}

// reach asks once whether anybody is there, so that the answer is one error
// instead of as many failures as there are rules.
func reach(p *probe) error {
	ask := reachStream
	if p.target.Network == "udp" {
		ask = reachPacket
	}
	if err := ask(p); err != nil {
		if p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		class := classify(err)
		if _, ok := errors.AsType[*dial.HandshakeError](err); ok {
			class = TLS // although it may have ended in a timeout
		}
		return &UnreachableError{Target: p.target.String(), Class: class, Err: err}
	}
	return nil
}

func reachStream(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	return dial.Admitted(p.ctx, s.Conn, p.Timeout/8)
}

// reachPacket first asks from a connected socket, because only that is told
// when the port is closed; then from one that takes an answer from anywhere.
func reachPacket(p *probe) error {
	conn, err := openConnected(p)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := knock(p, conn, p.Timeout/8); err == nil || classify(err) == Refused || p.target.Dial != nil {
		return err
	}
	loose, err := openPacket(p)
	if err != nil {
		return err
	}
	defer loose.Close()
	return knock(p, loose, p.Timeout/4)
}

// knock sends a few datagrams and waits for any answer.
func knock(p *probe, socket packetSocket, wait time.Duration) error {
	buf := make([]byte, maxDatagram)
	var err error
	for range 4 {
		if err = socket.send(take(p.payload(0), 32)); err == nil {
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

// withTimeout bounds one preparation, such as a look-up.
func (p *probe) withTimeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, p.Timeout)
}
