package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"echod/internal/dial"
	"echod/internal/errno"
)

// stream is one connection of a rule. A wait on it fails if nothing moves for the timeout,
// and it is closed when the check is interrupted.
type stream struct {
	net.Conn
	steps    steps
	writer   *writer // of startFill; nil if there is none
	timeout  time.Duration
	life     life
	received int64     // bytes that came back and were right
	arrived  time.Time // when the last of them came, or the connection was made
	release  func() bool
}

// open makes a connection. If that fails, the target has not failed the rule: reach
// has shown that it answers.
func (p *probe) open() (*stream, error) {
	made := p.connect(p.dialTarget().Dial)
	conn, err := made.conn, made.err
	if !ended(p.ctx) { // else the check ended it
		p.connections.count(err)
	}
	switch {
	case classify(err) == Reset:
		// A reset in response to the SYN reads as a refusal: this one came later.
		f := failAt(0, Reset, "the connect was accepted, then reset")
		f.cause = err
		return nil, f
	case err != nil:
		return nil, fmt.Errorf("connect: %w", err)
	}
	closed := p.connections.opened()
	stop := context.AfterFunc(p.ctx, func() { dial.Transport(conn).Close() })
	s := p.newStream(made, "")
	s.release = func() bool {
		first := stop()
		if first {
			closed()
		}
		return first
	}
	return s, nil
}

// halfCloser is a connection that can end one direction.
type halfCloser interface{ CloseWrite() error }

// openHalfClosable is open for rules that call closeWrite.
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

// closeWrite half-closes the connection: nothing more is sent, and everything is read.
func (s *stream) closeWrite() error {
	if s.writer != nil && !s.writer.ended() {
		s.writer.thenCloseWrite(s)
		return nil
	}
	if err := s.CloseWrite(); err != nil {
		return s.callError("half-closing", err)
	}
	return nil
}

// send writes p.
func (s *stream) send(p []byte) error {
	if _, err := s.awaitWrite(p); err != nil {
		return s.callError("sending", err)
	}
	return nil
}

// sendFrom writes n bytes of r, in pieces that each have their own timeout.
func (s *stream) sendFrom(r io.Reader, n int) error {
	for n > 0 {
		piece := nextBytes(r, min(n, 32<<10))
		if err := s.send(piece); err != nil {
			return err
		}
		n -= len(piece)
	}
	return nil
}

// expect reads n bytes and compares them with the next n of want as they arrive.
func (s *stream) expect(want io.Reader, n int) error {
	got := make([]byte, min(n, 32<<10))
	due := make([]byte, len(got))
	for done := 0; done < n; {
		k, err := s.awaitRead(got[:min(n-done, len(got))])
		if k > 0 {
			io.ReadFull(want, due[:k])
			if f := checkBytes(got[:k], due[:k], want, s.received); f != nil {
				f.foundOn(s)
				f.received = s.readEvidence(got[f.offset-s.received : k])
				return about(int64(n), f)
			}
			done += k
			s.received += int64(k)
			s.arrived = time.Now()
		}
		if err != nil && done < n {
			return about(int64(n), s.readError(err, n-done))
		}
	}
	return nil
}

// exchange sends n bytes of out and expects them back.
func (s *stream) exchange(out, back io.Reader, n int) error {
	return s.expectWhile(func() error { return s.sendFrom(out, n) }, back, n)
}

// expectWhile expects n bytes of back while send runs. A client that sends more than
// the buffers of the path can hold must read at the same time.
func (s *stream) expectWhile(send func() error, back io.Reader, n int) error {
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	err := s.expect(back, n)
	if err == nil {
		return <-sent
	}
	s.Close()
	return preferReset(err, <-sent)
}

// preferReset returns the failure of a stream whose read and write failed at the same
// time: if the write got a reset, the read sees a plain end of file (see [dial.Writes]).
func preferReset(read, write error) error {
	var f, w *failure
	if errors.As(read, &f) && f.class == PrematureEOF && errors.As(write, &w) && gotReset(w.cause) {
		reset := failAt(f.offset, Reset, "the connection was reset after %d bytes had come back", f.offset)
		reset.foundOn(f.on)
		return reset
	}
	return read
}

// gotReset reports whether err is that of a call which was told that the connection was reset.
func gotReset(err error) bool { return errno.Of(err) == syscall.ECONNRESET }

// expectSilence expects neither a byte nor an end for d.
func (s *stream) expectSilence(d time.Duration) error {
	start := time.Now()
	s.SetReadDeadline(time.Now().Add(d))
	got := make([]byte, 64)
	n, err := s.Read(got)
	if n > 0 {
		return s.extraBytes(got[:n])
	}
	switch class := classify(err); class {
	case Timeout:
		return nil
	case PrematureEOF:
		return s.failAt(s.received, class, "the server ended a stream that the client had not ended, after %s", formatDuration(time.Since(start)))
	default:
		return s.callError("waiting", err)
	}
}

// expectFIN expects the end of the stream and no byte before it.
func (s *stream) expectFIN() error {
	got := make([]byte, 64)
	n, err := s.awaitRead(got)
	if n > 0 {
		return s.extraBytes(got[:n])
	}
	return s.endError(err)
}

// discardToFIN expects the end of the stream and discards every byte before it.
func (s *stream) discardToFIN() error { return s.endError(s.discard()) }

// endError returns nil if err is an orderly end, which was due; else the failure.
func (s *stream) endError(err error) error {
	switch classify(err) {
	case PrematureEOF:
		return nil
	case Timeout:
		return s.failAt(s.received, Silent, "%v after the client's FIN there was neither a FIN nor a reset", s.timeout)
	}
	return s.callError("waiting for the end", err)
}

// readError returns the failure of a read when n more bytes were due.
func (s *stream) readError(err error, n int) error {
	due := s.received + int64(n)
	switch class := classify(err); class {
	case PrematureEOF:
		return s.failAt(s.received, class, "the stream ended after %d of %d bytes", s.received, due)
	case Reset:
		return s.failAt(s.received, class, "the connection was reset after %d of %d bytes", s.received, due)
	case Timeout:
		f := s.failAt(s.received, class, "nothing arrived for %v after %d of %d bytes", s.timeout, s.received, due)
		f.evidence = s.nothingPassed()
		return f
	}
	return fmt.Errorf("read: %w", err)
}

// nothingPassed returns the evidence that no byte has come back, if none has.
func (s *stream) nothingPassed() Evidence {
	if s.received == 0 {
		return NothingPassed
	}
	return ""
}

// callError returns the failure of a call that a reset or a timeout ended.
func (s *stream) callError(doing string, err error) error {
	switch class := classify(err); class {
	case Reset:
		f := s.failAt(s.received, class, "the connection was reset while %s", doing)
		f.cause = err
		return f
	case Timeout:
		f := s.failAt(s.received, class, "%s made no progress for %v", doing, s.timeout)
		f.evidence = s.nothingPassed()
		return f
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// extraBytes returns the failure of a stream on which got arrived and nothing was due.
func (s *stream) extraBytes(got []byte) error {
	f := s.failAt(s.received, ExtraBytes, "bytes arrived that were never sent")
	f.got = excerpt(got)
	return f
}
