package check

import (
	"crypto/tls"
	"io"
	"sync"
	"time"

	"echod/internal/dial"
)

// Owed bytes are those that a server has received and not yet sent back. This file
// makes a server owe bytes: the client sends and reads nothing.

const (
	// mostOwed does not fit into the buffers of the path: the server itself stalls,
	// and a FIN arrives long after the reader has started. On a path below fastRate it is
	// what the path carries in owedTime: more would take minutes to come back.
	mostOwed = 32 << 20
	fastRate = 4 << 20
	owedTime = 3 * time.Second
	// fillTime bounds one fill.
	fillTime = 15 * time.Second
	// standstill is how long a writer makes no progress until it counts as stalled. A
	// busy machine may receive more after a longer time; then a little less is owed.
	standstill = 300 * time.Millisecond
)

// mostOwed is the number of bytes that a server is made to owe.
func (p *probe) mostOwed() int64 {
	if p.path.Rate >= fastRate {
		return mostOwed
	}
	return p.path.carries(owedTime, 64<<10, mostOwed)
}

// openOwed opens a stream and sends as much of the first payload as is received while
// the client reads nothing. That many bytes are owed then.
func (p *probe) openOwed() (s *stream, owed int64, err error) {
	if s, err = p.open(); err != nil {
		return nil, 0, err
	}
	s.shrinkBuffer()
	if owed, _, err = s.fill(p.payload(0), p.mostOwed(), standstill); err != nil {
		s.Close()
		return nil, 0, s.callError("sending", err)
	}
	return s, owed, nil
}

// shrinkBuffer requests a small receive buffer, so that few bytes stall the other
// side. growBuffer requests one that does not limit the speed on a long path. The
// kernel may ignore both.
//
// Small is the size of a loopback segment. With less, the window opens by less than a
// segment at a time, Linux sends no window update, and the other side finds out only
// with its next probe, seconds later.
func (s *stream) shrinkBuffer() { s.setReadBuffer(64 << 10) }
func (s *stream) growBuffer()   { s.setReadBuffer(1 << 20) }

// shrinkWriteBuffer requests a small send buffer, so that a write that is blocked is
// resumed after few bytes are received. With a large one, a slow receiver looks like one
// that has stopped.
func (s *stream) shrinkWriteBuffer() {
	if c, ok := dial.Transport(s.Conn).(interface{ SetWriteBuffer(bytes int) error }); ok {
		c.SetWriteBuffer(256 << 10)
	}
}

func (s *stream) setReadBuffer(bytes int) {
	if c, ok := dial.Transport(s.Conn).(interface{ SetReadBuffer(bytes int) error }); ok {
		c.SetReadBuffer(bytes)
	}
}

// fill writes up to limit bytes of r and reads nothing, until nothing has moved for
// stallLimit, and not longer than fillTime. It returns how many bytes were accepted, and
// whether the writer stalled.
func (s *stream) fill(r io.Reader, limit int64, stallLimit time.Duration) (n int64, stalled bool, err error) {
	if _, ok := s.Conn.(*tls.Conn); ok {
		return s.fillTLS(r, limit, stallLimit)
	}
	end, progress := time.Now().Add(fillTime), time.Now()
	s.life.lastMoved(s.Conn)
	for n < limit {
		piece := nextBytes(r, int(min(limit-n, 256<<10)))
		for len(piece) > 0 {
			if time.Now().After(end) {
				return n, false, nil
			}
			// Short, because a write that times out does not say when its last byte was
			// accepted.
			s.SetWriteDeadline(time.Now().Add(stallLimit / 4))
			written, err := s.Write(piece)
			n += int64(written)
			piece = piece[written:]
			if written > 0 || s.life.lastMoved(s.Conn).After(progress) {
				progress = time.Now()
			}
			switch {
			case classify(err) == Timeout && time.Since(progress) >= stallLimit:
				return n, true, nil
			case err != nil && classify(err) != Timeout:
				return n, false, err
			}
		}
	}
	return n, false, nil
}

// fillTLS is fill for a connection that a write deadline would break. When it
// returns, the last piece is still being written: it counts as accepted, and is sent
// as soon as the other side reads.
func (s *stream) fillTLS(r io.Reader, limit int64, stallLimit time.Duration) (n int64, stalled bool, err error) {
	w := &backgroundWriter{done: make(chan error, 1)}
	s.SetWriteDeadline(time.Time{})
	go func() { w.done <- w.run(s.Conn, r, limit) }()
	ticker := time.NewTicker(stallLimit)
	defer ticker.Stop()
	start := time.Now()
	for before, looked := int64(0), start; ; before, looked = n, time.Now() {
		select {
		case err := <-w.done:
			return w.count(), false, err
		case <-ticker.C:
		}
		n = w.count()
		stalled := n == before && s.life.lastMoved(s.Conn).Before(looked)
		if stalled || time.Since(start) > fillTime {
			s.writer = w
			return w.stop(), stalled, nil
		}
	}
}

// backgroundWriter keeps writing after fillTLS has returned. A deadline could stop it,
// but a *tls.Conn whose Write has failed once sends nothing more, not even its
// close_notify.
type backgroundWriter struct {
	mu      sync.Mutex
	started int64 // bytes passed to Write, including the piece that is stuck
	stopped bool
	done    chan error // how it ended; nil if it was stopped, or everything is written
}

// run writes up to limit bytes of r, in pieces of one TLS record.
func (w *backgroundWriter) run(to io.Writer, r io.Reader, limit int64) error {
	for left := limit; left > 0; {
		piece := nextBytes(r, int(min(left, 16<<10)))
		if !w.start(len(piece)) {
			return nil
		}
		if _, err := to.Write(piece); err != nil {
			return err
		}
		left -= int64(len(piece))
	}
	return nil
}

// start counts a piece of n bytes. It returns false if the writer was stopped.
func (w *backgroundWriter) start(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.started += int64(n)
	}
	return !w.stopped
}

func (w *backgroundWriter) count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started
}

// stop makes the piece that was started the last one, and returns the count.
func (w *backgroundWriter) stop() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	return w.started
}

// thenCloseWrite half-closes c after the last piece.
func (w *backgroundWriter) thenCloseWrite(c halfCloser) {
	go func() {
		if <-w.done == nil {
			c.CloseWrite()
		}
	}()
}
