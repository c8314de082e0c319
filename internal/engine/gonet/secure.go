package gonet

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"echod/internal/engine"
	"echod/internal/errno"
)

// secure is a connection under TLS. crypto/tls has two habits that an honest end
// cannot bear: its Close says close_notify whatever has happened, and between
// two records it takes a FIN for a close_notify. So here close_notify is said by
// finish alone, every other end is a reset, and a FIN is a truncation.
//
// Nor does crypto/tls have a buffer of ours while it waits. The wire below it
// hands it no byte of a later record, so once it has returned all of a record's
// plaintext it has nothing, and the wire alone is waited for.
type secure struct {
	*tls.Conn
	wire    *wire
	pending bool // there may be plaintext to read without waiting
}

// largestPlaintext is the most that a TLS record may hold (RFC 8446, section 5.1),
// in bytes: a buffer as large takes all of it at once.
const largestPlaintext = 16 << 10

func newSecure(c *conn, config *tls.Config) *secure {
	w := newWire(c)
	return &secure{Conn: tls.Server(w, config), wire: w}
}

// receive waits until there is plaintext. While it waits, be it for the rest of a
// record, it has no buffer.
func (s *secure) receive(c *conn) (int, error) {
	for {
		if !s.pending {
			c.release()
			if err := s.wire.wait(); err != nil {
				return 0, s.explain(err)
			}
			s.pending = true
		}
		if !c.take() {
			return 0, errNoMemory
		}
		n, err := s.Read(c.buf.Bytes)
		s.pending = n == len(c.buf.Bytes)
		switch {
		case err != errNotYet:
			return n, err
		case n > 0:
			return n, nil
		}
	}
}

func (s *secure) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	return n, s.explain(err)
}

func (s *secure) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	return n, s.explain(err)
}

// Close closes the connection below, and says nothing.
func (s *secure) Close() error { return s.wire.Close() }

// finish says close_notify, and makes the coming close an orderly one.
func (s *secure) finish() error {
	if err := s.CloseWrite(); err != nil {
		return s.explain(err)
	}
	return closeInOrder(s.wire.Conn)
}

// explain gives what crypto/tls says of the peer the cause that it is. What the
// kernel says, and a close_notify, stay what they are.
func (s *secure) explain(err error) error {
	switch {
	case err == nil, err == errNotYet, err == io.EOF && !s.wire.fin:
		return err
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return ending(engine.Truncated)
	case isEnding(err), errno.Of(err) != 0, errors.Is(err, net.ErrClosed):
		return err
	}
	return ending(engine.Garbled)
}

// ending is an error that knows its cause.
type ending engine.Cause

func (e ending) Error() string { return engine.Cause(e).String() }

func isEnding(err error) bool {
	_, ok := errors.AsType[ending](err)
	return ok
}
