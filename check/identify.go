package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
)

// This file finds out whether the target is an echo at all. A wrong port is the most
// common mistake, and the rules would explain it as many failures of an echo. The rules
// run if anything of what was sent comes back: late, changed or only a part of it.

const (
	identifyLen = 64       // bytes that identify sends on each connection, or in each datagram
	endlessLen  = 64 << 10 // a target that sends this much is not about to echo
)

// Identify connects to the target and finds out whether it is an echo. Run does the same
// before it runs the rules. The report has no results; its NotEcho is set if the target
// is not an echo. The errors are those of Run. It takes up to twice identifyTimeout, and not
// longer than the budget: NotEcho is nil if the answer is not known until then.
func Identify(ctx context.Context, target Target, o Options) (*Report, error) {
	start := time.Now()
	o = o.withDefaults()
	if err := target.check(); err != nil {
		return nil, err
	}
	budget, cancel := withBudget(ctx, start, o.Budget)
	defer cancel()
	p := &probe{ctx: budget, rule: "identify", target: target, Options: o}
	p.Timeout = identifyTimeout(o)
	echoes, err := reach(p)
	switch {
	case err == nil:
	case ended(budget) && ctx.Err() == nil:
		return nil, &UnreachableError{Target: target.String(), Class: Timeout, Err: fmt.Errorf("no answer within the budget of %s (--budget)", draw.Brief(o.Budget))}
	default:
		return nil, err
	}
	report := &Report{Target: target, Options: o}
	var others sync.WaitGroup
	others.Go(func() { report.Addresses = findAddresses(p) }) // meanwhile: it may take seconds
	if !o.Anyway && !echoes {
		report.NotEcho = identify(p, start.Add(2*p.Timeout))
	}
	others.Wait()
	report.Elapsed = time.Since(start)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return report, nil
}

// identifyTimeout is the timeout of Identify. One that is longer than the default does not use
// up the budget. A budget that is shorter than a few round trips does not make an echo look
// like something else.
func identifyTimeout(o Options) time.Duration {
	if o.Budget <= 0 {
		return o.Timeout
	}
	return min(o.Timeout, max(o.Budget/3, DefaultTimeout))
}

// identify returns nil if something of what was sent comes back, or if a connection could
// not be made: then the rules say more.
func identify(p *probe, deadline time.Time) *NotEcho {
	if p.target.Network == "udp" {
		return identifyDatagrams(p)
	}
	var contacts [2]contact
	for i := range contacts {
		contacts[i] = contactStream(p, i, deadline)
		if contacts[i].echoes || contacts[i].failed || ended(p.ctx) {
			return nil
		}
	}
	n := describeStreams(contacts[0], contacts[1])
	if n.Kind == KindCloses && speaksTLS(p, deadline) {
		n.Kind, n.Detail = KindTLS, "it speaks TLS"
	}
	if n.Kind == KindTLS {
		n.Remedy = "try tls://"
		if p.target.Network == "tcp" && p.target.Dial == nil {
			n.Remedy += p.target.Address
		}
	}
	n.Seen = fmt.Sprintf("%d bytes sent: %s; sent again and half-closed: %s",
		identifyLen, contacts[0].describe(p.Timeout), contacts[1].describe(p.Timeout))
	return n
}

// contact is what happened on one connection.
type contact struct {
	got     []byte
	echoes  bool  // something of what was sent came back
	failed  bool  // the connection could not be made
	unacked bool  // what was sent was not acknowledged when the timeout ended
	end     Class // Timeout if the connection had not ended; "" if it was closed by this side
	elapsed time.Duration
}

// contactStream makes connection number i, sends on it and reads until something of what
// was sent has come back, until the end, and not longer than the timeout. It half-closes
// the second connection: some servers answer only then.
func contactStream(p *probe, i int, deadline time.Time) (c contact) {
	start := time.Now()
	defer func() { c.elapsed = time.Since(start) }()
	short := *p
	short.Timeout = min(p.Timeout, time.Until(deadline))
	s, err := short.open()
	if err != nil {
		c.end = classify(err)
		c.failed = c.end != Reset && c.end != Timeout
		return c
	}
	sent := p.request(i)
	written := make(chan error, 1)
	s.SetDeadline(start.Add(short.Timeout))
	go func() {
		_, err := s.Write(sent)
		defer func() { written <- err }()
		if _, ok := s.Conn.(halfCloser); ok && i == 1 {
			s.CloseWrite()
		}
	}()
	defer func() {
		if c.echoes {
			s.Close()
		} else {
			s.abort()
		}
		if err := <-written; c.end == PrematureEOF && gotReset(err) {
			c.end = Reset // the read cannot see it
		}
	}()
	buf := make([]byte, 16<<10)
	for len(c.got) < endlessLen {
		n, err := s.Read(buf)
		before := len(c.got)
		c.got = append(c.got, buf[:n]...)
		if comesFrom(c.got[max(0, before-len(sent)):], sent) && !isError(c.got) {
			c.echoes = true
			return c
		}
		if err != nil {
			c.echoes = fewComeFrom(c.got, sent)
			c.unacked = s.life.unacknowledged(s.Conn) > 0
			if c.end = classify(err); c.end == "" {
				c.end = Reset // e.g. an alert of TLS
			}
			return c
		}
	}
	return c
}

// speaksTLS reports whether a target that closes plain connections answers a handshake.
// Most servers with TLS close a connection that begins with other bytes.
func speaksTLS(p *probe, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(p.ctx, deadline)
	defer cancel()
	if p.target.Network == "tls" {
		return false
	}
	secure := dial.Target{
		Network: "tls", Address: p.target.Address, Via: p.dialTarget().DialTransport,
		TLS: &tls.Config{InsecureSkipVerify: true}, // nothing is sent
	}
	conn, err := secure.Dial(ctx)
	if err == nil {
		conn.Close()
		return true
	}
	// An alert, or a version that crypto/tls does not support, but not bytes that are not TLS.
	_, other := errors.AsType[tls.RecordHeaderError](err)
	return !other && strings.Contains(err.Error(), "tls: ")
}

// request returns what identify sends on connection number i, or in datagram number i.
// The line end makes servers answer that read lines, e.g. those of HTTP. The bytes before it
// are ASCII: they come back from a server that decodes what it receives as text.
func (p *probe) request(i int) []byte {
	request := append(nextBytes(p.payload(i), identifyLen-2), '\r', '\n')
	for i := identifyLen - 8; i < identifyLen; i++ {
		request[i] &= 0x7f
	}
	return request
}

// comesFrom reports whether got has something of sent: four consecutive bytes, or a
// quarter of the bytes in their order, unchanged or with the same bits inverted. In
// 64 KiB of other bytes, this is the case once in a thousand.
func comesFrom(got, sent []byte) bool {
	for at := 1 - len(sent); at < len(got); at++ {
		var inverted [256]uint8 // how many bytes have these bits inverted
		run := 0
		for i := max(0, -at); i < len(sent) && at+i < len(got); i++ {
			bits := got[at+i] ^ sent[i]
			inverted[bits]++
			if run++; bits != 0 {
				run = 0
			}
			if run == 4 || int(inverted[bits]) == len(sent)/4 {
				return true
			}
		}
	}
	return false
}

// fewComeFrom reports whether got, which is everything that came, is the beginning of
// sent, or has its length and is not text: then it may be sent, changed.
func fewComeFrom(got, sent []byte) bool {
	return len(got) > 0 && bytes.HasPrefix(sent, got) || len(got) == len(sent) && !isText(got)
}

// isError reports whether got is an error of HTTP, Redis or POP3: such an error may quote
// what was sent.
func isError(got []byte) bool { return isHTTP(got) || bytes.HasPrefix(got, []byte("-ERR ")) }

// isHTTP reports whether got begins with a status line or, as an answer to a request
// without a version (HTTP/0.9), with a page.
func isHTTP(got []byte) bool {
	start := strings.ToLower(string(got[:min(len(got), 16)]))
	return strings.HasPrefix(start, "http/") || strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func isText(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return !printable(c) && c != '\r' && c != '\n' && c != '\t' })
}

// describe says what happened on a connection that returned nothing of what was sent.
func (c contact) describe(timeout time.Duration) string {
	came := "nothing"
	if len(c.got) > 0 {
		came = count(len(c.got), "other byte", "other bytes")
	}
	switch c.end {
	case Timeout:
		return fmt.Sprintf("%s within %v", came, timeout)
	case PrematureEOF:
		return fmt.Sprintf("%s, and the end of the stream after %s", came, formatDuration(c.elapsed))
	case Reset:
		return fmt.Sprintf("%s, and a reset after %s", came, formatDuration(c.elapsed))
	}
	return fmt.Sprintf("%s in %s", came, formatDuration(c.elapsed))
}

// identifyDatagrams sends four datagrams. reach has shown that there are answers.
func identifyDatagrams(p *probe) *NotEcho {
	socket, err := openPacket(p)
	if err != nil {
		return nil
	}
	defer socket.Close()
	release := context.AfterFunc(p.ctx, func() { socket.Close() })
	defer release()
	var sent [][]byte
	var first []byte
	answers := 0
	buf := make([]byte, maxDatagram)
	for i := range 4 {
		sent = append(sent, p.request(i))
		if err := socket.send(sent[i]); err != nil {
			return nil
		}
		socket.SetReadDeadline(time.Now().Add(p.Timeout / 8))
		for {
			n, _, err := socket.receive(buf)
			if classify(err) == Timeout {
				break
			}
			came := func(sent []byte) bool { return comesFrom(buf[:n], sent) || fewComeFrom(buf[:n], sent) }
			if err != nil || slices.ContainsFunc(sent, came) {
				return nil
			}
			if answers++; answers == 1 {
				first = bytes.Clone(buf[:n])
			}
		}
	}
	if answers == 0 {
		return nil
	}
	n := describeBytes(first)
	if len(first) == 0 {
		n.Detail = "it answers with empty datagrams"
	}
	n.Seen = fmt.Sprintf("4 datagrams of %d bytes sent: %s", identifyLen, count(answers, "other datagram", "other datagrams"))
	return n
}
