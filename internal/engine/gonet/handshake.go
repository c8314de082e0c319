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

const (
	// mostHandshakes is how many handshakes of a server may compute at once. A
	// stranger decides that we calculate, so those who are served must not have
	// to wait behind any number of strangers.
	mostHandshakes = 64
	// lastWord is how long a client that was refused may take to read why.
	lastWord = time.Second
	// lastBytes is how much of what it says meanwhile is heard out. Closing with
	// more unread would be a reset, that takes the alert with it.
	lastBytes = 64 << 10
)

// greet does the handshake of s, the peer of c. False: there is no TLS, and c is
// gone. Not a byte of the stream has moved until it is true.
func (c *conn) greet(s *secure) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.server.cfg.HandshakeTimeout)
	defer cancel()
	s.wire.turn = &turn{door: c.server.door, late: ctx.Done(), cutting: c.server.cutting}
	err := s.HandshakeContext(ctx)
	s.wire.turn.give()
	s.wire.turn = nil

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
		slog.String("peer", s.RemoteAddr().String()), slog.Any("error", err))
	if wasTold(err) {
		s.wire.hearOut()
	}
	c.close(&c.server.count.Refused[engine.RefusedHandshake])
	return false
}

// outcomeOf says how a handshake ended, of which crypto/tls says err.
func outcomeOf(err error) engine.Handshake {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
		return engine.HandshakeOK
	case errors.Is(err, context.DeadlineExceeded), isEnding(err):
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

// noCertificate is what crypto/tls says of a client without one; it has no type
// for that.
const noCertificate = "tls: client didn't provide a certificate"

// wasTold reports whether err was told to the client by an alert, which it may be
// waiting for. Who speaks no TLS was told nothing, and who told us knows.
func wasTold(err error) bool {
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, network := errors.AsType[*net.OpError](err)
	outcome := outcomeOf(err)
	return (outcome == engine.HandshakeFailed || outcome == engine.HandshakeRefused) && !plain && !network
}

// hearOut ends what we say, and lets the client read that before the connection
// is reset. An alert and a FIN are no clean end: that has a close_notify.
func (w *wire) hearOut() {
	tcp, ok := w.Conn.(interface{ CloseWrite() error })
	if ok && tcp.CloseWrite() == nil {
		w.Conn.SetReadDeadline(time.Now().Add(lastWord))
		io.CopyN(io.Discard, w.Conn, lastBytes)
	}
}

// turn is one handshake's leave to compute, of which the door has few. While it
// waits for its client it has none, so that any number of those who begin and
// then say nothing hold up nobody. A nil turn needs no leave.
type turn struct {
	door    chan struct{}
	late    <-chan struct{} // closed when the handshake's time is up
	cutting <-chan struct{} // closed when what is left is reset
	has     bool
}

// take waits for leave. The error says that there is no time left to wait.
func (t *turn) take() error {
	if t == nil {
		return nil
	}
	select {
	case t.door <- struct{}{}:
		t.has = true
		return nil
	case <-t.late:
		return context.DeadlineExceeded
	case <-t.cutting:
		return net.ErrClosed
	}
}

// give gives back what take took.
func (t *turn) give() {
	if t != nil && t.has {
		t.has = false
		<-t.door
	}
}
