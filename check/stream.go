package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"echod/internal/dial"
)

// stream is one connection of a rule. Every wait on it is bounded by the
// timeout, and it is closed when the check is called off.
type stream struct {
	net.Conn
	writing *writing // what is sent meanwhile; nil if nothing is
	timeout time.Duration
	at      int64 // bytes that came back and were right
	release func() bool
}

// open makes a connection. Its error is not a failure of the target: whether
// it answers at all was asked before.
func (p *probe) open() (*stream, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.Timeout)
	defer cancel()
	conn, err := p.target.way().Dial(ctx)
	switch {
	case classify(err) == Reset:
		// A reset that answers the SYN reads as a refusal: this one came later.
		f := failAt(0, Reset, "the connect was accepted, then reset")
		f.cause = err
		return nil, f
	case err != nil:
		return nil, fmt.Errorf("connect: %w", err)
	}
	release := context.AfterFunc(p.ctx, func() { dial.Bare(conn).Close() })
	return &stream{Conn: conn, timeout: p.Timeout, release: release}, nil
}

// halfCloser is a connection of which one direction can be ended.
type halfCloser interface{ CloseWrite() error }

// openHalfClosable is open for rules that call finish.
func (p *probe) openHalfClosable() (*stream, error) {
	s, err := p.open()
	if err != nil {
		return nil, err
	}
	if _, ok := s.Conn.(halfCloser); !ok {
		s.Close()
		return nil, skipped("this connection cannot be half-closed")
	}
	return s, nil
}

func (s *stream) Close() error {
	s.release()
	return s.Conn.Close()
}

// abort ends the connection by a reset where the network knows one, so that the
// server need not write what nobody will read.
func (s *stream) abort() {
	if c, ok := dial.Bare(s.Conn).(interface{ SetLinger(sec int) error }); ok {
		c.SetLinger(0)
	}
	s.release()
	dial.Bare(s.Conn).Close()
}

// shrink asks for a small receive buffer, so that little is enough to stall the
// other side; grow for one that does not slow down a long way. They are wishes:
// the kernel decides.
//
// Small is a loopback segment. With less, the window opens by less than a
// segment at a time, Linux tells nobody, and the other side notices only at its
// next probe, seconds later.
func (s *stream) shrink() { s.setReadBuffer(64 << 10) }
func (s *stream) grow()   { s.setReadBuffer(1 << 20) }

func (s *stream) setReadBuffer(bytes int) {
	if c, ok := dial.Bare(s.Conn).(interface{ SetReadBuffer(bytes int) error }); ok {
		c.SetReadBuffer(bytes)
	}
}

// finish half-closes: no more will be sent, everything will be read.
func (s *stream) finish() error {
	if s.writing != nil {
		s.writing.thenFinish(s.Conn.(halfCloser))
		return nil
	}
	if err := s.Conn.(halfCloser).CloseWrite(); err != nil {
		return s.broken("half-closing", err)
	}
	return nil
}

// send writes p.
func (s *stream) send(p []byte) error {
	s.SetWriteDeadline(time.Now().Add(s.timeout))
	if _, err := s.Write(p); err != nil {
		return s.broken("sending", err)
	}
	return nil
}

// sendFrom writes n bytes of r, in pieces that each have their own timeout.
func (s *stream) sendFrom(r io.Reader, n int) error {
	for n > 0 {
		piece := take(r, min(n, 32<<10))
		if err := s.send(piece); err != nil {
			return err
		}
		n -= len(piece)
	}
	return nil
}

// fill writes up to limit bytes of r and reads nothing, until no byte has been
// taken for patience. It returns how many were taken, and whether it came to a
// standstill.
func (s *stream) fill(r io.Reader, limit int64, patience time.Duration) (n int64, stood bool, err error) {
	if _, ok := s.Conn.(*tls.Conn); ok {
		return s.fillMeanwhile(r, limit, patience)
	}
	for n < limit {
		piece := take(r, int(min(limit-n, 256<<10)))
		for len(piece) > 0 {
			s.SetWriteDeadline(time.Now().Add(patience))
			taken, err := s.Write(piece)
			n += int64(taken)
			piece = piece[taken:]
			switch {
			case classify(err) == Timeout && taken == 0:
				return n, true, nil
			case err != nil && classify(err) != Timeout:
				return n, false, err
			}
		}
	}
	return n, false, nil
}

// expect reads n bytes and compares them with the next n of want as they come.
func (s *stream) expect(want io.Reader, n int) error {
	got := make([]byte, min(n, 32<<10))
	for done := 0; done < n; {
		s.SetReadDeadline(time.Now().Add(s.timeout))
		k, err := s.Read(got[:min(n-done, len(got))])
		if k > 0 {
			if f := differ(got[:k], take(want, k), want, s.at); f != nil {
				return f
			}
			done += k
			s.at += int64(k)
		}
		if err != nil && done < n {
			return s.missing(err, n-done)
		}
	}
	return nil
}

// exchange sends n bytes of out and expects them back.
func (s *stream) exchange(out, back io.Reader, n int) error {
	return s.expectWhile(func() error { return s.sendFrom(out, n) }, back, n)
}

// expectWhile expects n bytes of back while send does its work: who sends more
// than the buffers on the way can hold must read meanwhile.
func (s *stream) expectWhile(send func() error, back io.Reader, n int) error {
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	err := s.expect(back, n)
	if err == nil {
		return <-sent
	}
	s.Close()
	return truthOf(err, <-sent)
}

// truthOf is what became of a stream of which a read and a write came to an end
// at once. The kernel tells of a reset only once: if the write was told, the
// read has found a plain end of file. A reset that follows a FIN is another
// error, EPIPE (tcp_reset in the kernel's tcp_input.c).
func truthOf(read, write error) error {
	var f, w *failure
	if errors.As(read, &f) && f.class == PrematureEOF && errors.As(write, &w) && errors.Is(w.cause, syscall.ECONNRESET) {
		return failAt(f.offset, Reset, "the connection was reset after %d bytes had come back", f.offset)
	}
	return read
}

// expectSilence reads nothing, for that long: no byte and no end.
func (s *stream) expectSilence(d time.Duration) error {
	s.SetReadDeadline(time.Now().Add(d))
	got := make([]byte, 64)
	n, err := s.Read(got)
	if n > 0 {
		return s.extra(got[:n])
	}
	switch class := classify(err); class {
	case Timeout:
		return nil
	case PrematureEOF:
		return failAt(s.at, class, "the server ended a stream that the client had not ended")
	default:
		return s.broken("waiting", err)
	}
}

// expectFin reads the end of the stream and nothing else.
func (s *stream) expectFin() error {
	s.SetReadDeadline(time.Now().Add(s.timeout))
	got := make([]byte, 64)
	n, err := s.Read(got)
	if n > 0 {
		return s.extra(got[:n])
	}
	return s.ended(err)
}

// drain reads and throws away until the end of the stream, whatever comes.
func (s *stream) drain() error {
	s.SetReadDeadline(time.Now().Add(s.timeout))
	_, err := io.Copy(io.Discard, s.Conn)
	if err == nil {
		err = io.EOF
	}
	return s.ended(err)
}

// ended is nil if err is the clean end that was due.
func (s *stream) ended(err error) error {
	switch classify(err) {
	case PrematureEOF:
		return nil
	case Timeout:
		return failAt(s.at, Silent, "%v after the client's FIN there was neither a FIN nor a reset", s.timeout)
	}
	return s.broken("waiting for the end", err)
}

// missing is the failure of a read when n more bytes were due.
func (s *stream) missing(err error, n int) error {
	due := s.at + int64(n)
	switch class := classify(err); class {
	case PrematureEOF:
		return failAt(s.at, class, "the stream ended after %d of %d bytes", s.at, due)
	case Reset:
		return failAt(s.at, class, "the connection was reset after %d of %d bytes", s.at, due)
	case Timeout:
		return failAt(s.at, class, "nothing came for %v after %d of %d bytes", s.timeout, s.at, due)
	}
	return fmt.Errorf("read: %w", err)
}

// broken is the failure of a call that the other side spoiled.
func (s *stream) broken(doing string, err error) error {
	switch class := classify(err); class {
	case Reset:
		f := failAt(s.at, class, "the connection was reset while %s", doing)
		f.cause = err
		return f
	case Timeout:
		return failAt(s.at, class, "%s stood still for %v", doing, s.timeout)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *stream) extra(got []byte) error {
	f := failAt(s.at, ExtraBytes, "bytes came that were never sent")
	f.got = excerpt(got)
	return f
}
