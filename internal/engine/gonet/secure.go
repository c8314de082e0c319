package gonet

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"

	"echod/internal/engine"
	"echod/internal/errno"
)

// secure is a connection under TLS. crypto/tls has two habits that an honest end
// cannot bear: its Close says close_notify whatever has happened, and between
// two records it takes a FIN for a close_notify. So here close_notify is said by
// finish alone, every other end is a reset, and a FIN is a truncation.
type secure struct {
	*tls.Conn
	wire *wire
}

func newSecure(c *conn, config *tls.Config) *secure {
	w := &wire{Conn: c.peer, c: c}
	return &secure{tls.Server(w, config), w}
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
	case err == nil, err == io.EOF && !s.wire.fin:
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

// wire is the connection below TLS. To crypto/tls the janitor's interrupt would
// be the end of everything, for of a record that was cut short the rest is never
// sent. So whoever is interrupted here looks at the time itself, and goes on.
type wire struct {
	net.Conn
	c    *conn
	fin  bool  // the peer has sent a FIN
	turn *turn // while the handshake lasts
}

func (w *wire) Read(p []byte) (int, error) {
	w.turn.give()
	n, err := w.await(p)
	if err == nil {
		err = w.turn.take()
	}
	return n, err
}

// await waits until something has arrived.
func (w *wire) await(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			_, owing := w.c.moved.get()
			w.stamp(owing)
			return n, nil
		}
		w.fin = w.fin || err == io.EOF
		if err = w.review(err); err != nil {
			return 0, err
		}
	}
}

// Write sends all of p. What TLS has to say is owed like any other byte, even
// where the stream owes nothing: an answer to a change of keys, the close_notify.
func (w *wire) Write(p []byte) (sent int, err error) {
	_, owing := w.c.moved.get()
	w.c.moved.owe(w.c.server.clock.now.Load())
	for sent < len(p) && err == nil {
		var n int
		n, err = w.Conn.Write(p[sent:])
		if sent += n; n > 0 {
			w.stamp(sent < len(p) || owing)
		}
		err = w.review(err)
	}
	return sent, err
}

// stamp notes that bytes moved just now, and whether some are owed.
func (w *wire) stamp(owing bool) { w.c.moved.set(w.c.server.clock.now.Load(), owing) }

// review is nil if err was an interrupt and there is time left. The five seconds
// that crypto/tls gives its close_notify are such an interrupt, too: whoever reads
// slowly has more to read before it, and as long for it as for the rest.
func (w *wire) review(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause, over := w.c.review(); over {
		return ending(cause)
	}
	return nil
}
