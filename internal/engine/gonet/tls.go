package gonet

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"echod/internal/engine"
	"echod/internal/errno"
)

// tlsConn is a connection under TLS. It differs from tls.Conn in two points that promise
// S2 needs: only halfClose sends close_notify, while Close of tls.Conn always does; and
// a FIN without close_notify is a truncation, also between two records, where tls.Conn
// takes it for a close_notify. Every end but that of halfClose is a reset.
//
// It has no buffer of the pool while it waits. The wire below gives tls.Conn no byte of
// a later record, so tls.Conn holds no plaintext once it has returned that of a record,
// and tlsConn waits for the wire alone.
type tlsConn struct {
	*tls.Conn
	wire    *wire
	pending bool // there may be plaintext to read without waiting
}

// largestPlaintext is the most plaintext that a TLS record may have, in bytes (RFC 8446,
// section 5.1). A buffer of this size takes a whole record.
const largestPlaintext = 16 << 10

func newTLSConn(c *conn, config *tls.Config) *tlsConn {
	w := newWire(c)
	return &tlsConn{Conn: tls.Server(w, config), wire: w}
}

// receive waits until there is plaintext.
func (t *tlsConn) receive(c *conn) (int, error) {
	for {
		if !t.pending {
			c.release()
			if err := t.wire.wait(); err != nil {
				return 0, t.classify(err)
			}
			t.pending = true
		}
		if !c.getBuffer(min(largestPlaintext, c.server.cfg.Buffer)) {
			return 0, errNoMemory
		}
		n, err := t.Read(c.buf.Bytes)
		t.pending = n == len(c.buf.Bytes)
		switch {
		case err != errIncomplete:
			return n, err
		case n > 0:
			return n, nil
		}
	}
}

// send sends the owed bytes as records.
func (t *tlsConn) send(c *conn) (int, error) {
	n, err := t.Conn.Write(c.buf.Owed)
	return n, t.classify(err)
}

func (t *tlsConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	return n, t.classify(err)
}

// Close closes the connection below. It sends no close_notify.
func (t *tlsConn) Close() error { return t.wire.Close() }

// classify returns what the peer did wrong as a causeError. It returns errors of system
// calls, and io.EOF after a close_notify, unchanged.
func (t *tlsConn) classify(err error) error {
	switch {
	case err == nil, err == errIncomplete, err == io.EOF && !t.wire.fin:
		return err
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return causeError(engine.Truncated)
	case isCauseError(err), errno.Of(err) != 0, errors.Is(err, net.ErrClosed):
		return err
	}
	return causeError(engine.Garbled)
}

// causeError is an error for which the cause of the end is known.
type causeError engine.Cause

func (e causeError) Error() string { return engine.Cause(e).String() }

func isCauseError(err error) bool {
	_, ok := errors.AsType[causeError](err)
	return ok
}

// refuseAfter is how long a new TLS connection waits for memory before it is refused.
// Memory that holds no owed bytes becomes free sooner.
const refuseAfter = 100 * time.Millisecond

// hasMemory reports whether there is memory for a new TLS connection, which cannot go on
// without a buffer. If there is none, it closes the connection.
func (c *conn) hasMemory() bool {
	timer := time.NewTimer(refuseAfter)
	defer timer.Stop()
	switch err := c.waitForMemory(false, timer.C); err {
	case nil:
		c.release()
		return true
	case errNoMemory:
		c.close(&c.server.count.Refused[engine.RefusedMemory])
	default:
		c.end(causeOf(err))
	}
	return false
}

const (
	// maxHandshakes is how many handshakes of a server may compute at once. Any client
	// can make the server compute, so handshakes must not take all of the processor
	// from open connections.
	maxHandshakes = 64
	// lingerTimeout is how long a lingering close waits for a refused client.
	lingerTimeout = time.Second
	// lingerBytes is how much it reads and discards. If the socket were closed with
	// more unread, the reset could overtake the alert.
	lingerBytes = 64 << 10
)

// handshake does the TLS handshake. No byte of the stream moves before. If it fails,
// handshake closes the connection and returns false.
func (c *conn) handshake(t *tlsConn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.server.cfg.HandshakeTimeout)
	defer cancel()
	t.wire.slot = &handshakeSlot{tokens: c.server.handshakes, timeout: ctx.Done(), resetting: c.server.resetting}
	life, begin := c.traced()
	err := t.HandshakeContext(ctx)
	c.traceHandshake(life, begin, err)
	t.wire.slot.release()
	t.wire.slot = nil

	outcome := outcomeOf(err)
	c.server.count.Handshakes[outcome].Add(1)
	switch outcome {
	case engine.HandshakeOK:
		return true
	case engine.HandshakeDrained:
		c.end(engine.Drained)
		return false
	}
	c.server.cfg.Log.Debug("tls handshake", slog.String("result", outcome.String()),
		slog.String("peer", t.RemoteAddr().String()), slog.Any("error", err))
	if sentAlert(err) {
		t.wire.lingeringClose()
	}
	c.close(&c.server.count.Refused[engine.RefusedHandshake])
	return false
}

// outcomeOf returns how a handshake ended for which crypto/tls returned err.
func outcomeOf(err error) engine.Handshake {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
		return engine.HandshakeOK
	case errors.Is(err, context.DeadlineExceeded), isCauseError(err):
		return engine.HandshakeTimeout
	case errors.Is(err, net.ErrClosed):
		return engine.HandshakeDrained
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errno.Of(err) != 0:
		return engine.HandshakeLost
	case unverified, err.Error() == noCertificate:
		return engine.HandshakeRefused
	}
	return engine.HandshakeFailed
}

// noCertificate is the text of the error for a client without a certificate. crypto/tls
// has no type for it.
const noCertificate = "tls: client didn't provide a certificate"

// sentAlert reports whether crypto/tls has sent an alert for err, which the client may
// want to read. It has not if the client does not speak TLS, or sent an alert itself.
func sentAlert(err error) bool {
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	_, network := errors.AsType[*net.OpError](err)
	outcome := outcomeOf(err)
	return (outcome == engine.HandshakeFailed || outcome == engine.HandshakeRefused) && !notTLS && !network
}

// handshakeSlot is the permission of one handshake to compute. The handshake has it only
// while it computes, not while it waits for its client, so that clients which begin a
// handshake and then say nothing block no others.
type handshakeSlot struct {
	tokens    chan struct{}
	timeout   <-chan struct{} // closed when the handshake timeout is over
	resetting <-chan struct{} // closed when connections are reset
	held      bool
}

// acquire waits for the slot. The error says that there is no time left.
func (s *handshakeSlot) acquire() error {
	select {
	case s.tokens <- struct{}{}:
		s.held = true
		return nil
	case <-s.timeout:
		return context.DeadlineExceeded
	case <-s.resetting:
		return net.ErrClosed
	}
}

// release gives the slot back, if it is held.
func (s *handshakeSlot) release() {
	if s.held {
		s.held = false
		<-s.tokens
	}
}
