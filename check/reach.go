package check

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"echod/internal/dial"
)

// UnreachableError is returned when there is nothing to check: no connection could
// be made, or no datagram was answered. Its Class is Refused, Timeout, DNS,
// Unreachable, TLS or Local, or "" if that is unknown.
type UnreachableError = dial.UnreachableError

// reach returns nil if the target accepts a connection, or answers a datagram, and
// whether it is known to be an echo. A target that does neither is one error, instead of a
// failure of each rule: an *UnreachableError, or the error of the context.
func reach(p *probe) (echoes bool, err error) {
	if p.target.Network == "udp" {
		echoes, err = reachPacket(p)
	} else {
		err = reachStream(p)
	}
	switch {
	case err == nil:
		return echoes, nil
	case p.ctx.Err() != nil:
		return false, p.ctx.Err()
	}
	class := classify(err)
	if _, ok := errors.AsType[*dial.HandshakeError](err); ok {
		class = TLS // also if the handshake timed out
	}
	return false, &UnreachableError{Target: p.target.String(), Class: class, Err: err}
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
	p.pinTo(s.Conn)
	return dial.AwaitCertRejection(p.ctx, s.Conn, p.Timeout/8)
}

// reachPacket sends four datagrams from each of two sockets: from a connected one, because
// only that one learns that the port is closed, and from one that receives from any
// address. It waits for less than twice the timeout: an answer that comes after more than
// the timeout is an error, which says so.
func reachPacket(p *probe) (echoes bool, err error) {
	const requests = 4
	start := time.Now()
	connected, err := openConnected(p)
	if err != nil {
		return false, err
	}
	if c, ok := connected.(connectedSocket); ok {
		p.pinTo(c.Conn)
	}
	set := newDatagramSet(p, nil)
	defer set.Close()
	set.addSocket(connected, identifyLen)
	if to, ok := connected.(connectedSocket).RemoteAddr().(*net.UDPAddr); ok && p.target.Dial == nil {
		unconnected, err := openUnconnected(p, unmapped(to.AddrPort()), 0)
		if err != nil {
			return false, err
		}
		set.addSocket(unconnected, identifyLen)
	}
	for i := range requests {
		for _, d := range set.probes {
			if d.sendData(p.request(i)); d.err != nil {
				return false, d.err
			}
		}
		until := set.last.Add(p.Timeout / 8)
		if i == requests-1 {
			until = start.Add(2*p.Timeout - p.Timeout/8)
		}
		if a, ok := set.next(until); ok {
			return a.isEcho()
		}
	}
	return false, fmt.Errorf("no answer to %d datagrams: %w", requests, os.ErrDeadlineExceeded)
}

// isEcho reports whether a, the first thing that has arrived, comes from one of the
// datagrams that its socket has sent. It is an error if a comes too late.
func (a arrival) isEcho() (echoes bool, err error) {
	if a.err != nil {
		return false, a.err
	}
	all := a.probe.sent
	request := all[len(all)-1]
	for _, sent := range all {
		if comesFrom(a.data, sent.data) || fewComeFrom(a.data, sent.data) {
			request, echoes = sent, true
			break
		}
	}
	set, took := a.probe.set, a.at.Sub(request.at)
	if set.addRoundTrip(took); took > set.p.Timeout {
		return false, fmt.Errorf("the first answer came after %s, and the timeout is %v: pass a longer one: %w",
			formatDuration(took), set.p.Timeout, os.ErrDeadlineExceeded)
	}
	return echoes, nil
}
