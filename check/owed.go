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
	// standstill is how long a writer makes no progress until it counts as stalled, on a path
	// without a delay. A busy machine may pause a server for longer: the writer continues
	// while the rule does something else.
	standstill = time.Second
)

// mostOwed is the number of bytes that a server is made to owe.
func (p *probe) mostOwed() int64 {
	if p.path.Rate >= fastRate {
		return mostOwed
	}
	return p.path.carries(owedTime, 64<<10, mostOwed)
}

// standstill is how long a writer of p makes no progress until it counts as stalled.
func (p *probe) standstill() time.Duration { return max(standstill, 2*p.path.RoundTrip) }

// openOwed opens a stream and makes the server owe bytes on it: see owe.
func (p *probe) openOwed(stallLimit time.Duration) (s *stream, stalled bool, err error) {
	if s, err = p.open(); err != nil {
		return nil, false, err
	}
	if stalled, err = s.owe(p, stallLimit); err != nil {
		s.Close()
		return nil, false, err
	}
	return s, stalled, nil
}

// owe sends the first payload, while the client reads nothing, until nothing has moved for
// stallLimit, or until the other side has acknowledged all that fits the path. It reports
// whether the writer stalled: then it waits, and continues if more is received.
func (s *stream) owe(p *probe, stallLimit time.Duration) (stalled bool, err error) {
	s.shrinkBuffer()
	if stalled, err = s.fill(p.payload(0), p.mostOwed(), stallLimit); err != nil || stalled {
		return stalled, err
	}
	// The kernel of the client has accepted all of it. A busy server may not have read it.
	for start := time.Now(); s.life.unacknowledged(s.Conn) > 0 && time.Since(start) < fillTime; p.pause(stallLimit / 8) {
		if time.Since(s.lastMoved()) >= stallLimit {
			return true, nil
		}
	}
	return false, nil
}

// lastMoved returns when something last moved on a connection with a writer.
func (s *stream) lastMoved() time.Time { return s.writer.lastMoved(s.life.lastMoved(s.Conn)) }

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
// stallLimit, or for fillTime and stallLimit together. It reports whether the writer stalled.
// Then it still waits: stopFill ends it and returns how many bytes were accepted.
func (s *stream) fill(r io.Reader, limit int64, stallLimit time.Duration) (stalled bool, err error) {
	s.startFill(r, limit)
	return s.waitStall(stallLimit, fillTime+stallLimit)
}

// startFill starts to write up to limit bytes of r in the background.
func (s *stream) startFill(r io.Reader, limit int64) {
	w := &writer{done: make(chan struct{}), moved: time.Now()}
	s.writer = w
	s.SetWriteDeadline(time.Time{})
	go func() {
		defer close(w.done)
		w.err = w.run(s, r, limit)
	}()
}

// waitStall waits until nothing has moved for stallLimit, until the writer of startFill has
// ended, and not longer than limit. It reports whether the writer stalled.
func (s *stream) waitStall(stallLimit, limit time.Duration) (stalled bool, err error) {
	ticker := time.NewTicker(stallLimit / 8)
	defer ticker.Stop()
	for start := time.Now(); ; {
		select {
		case <-s.writer.done:
			return false, s.fillError()
		case <-ticker.C:
		}
		switch moved := s.lastMoved(); {
		case time.Since(moved) >= stallLimit:
			return true, nil
		case time.Since(start) >= limit:
			return false, nil
		}
	}
}

// stopFill ends the writer of fill. It returns how many bytes were accepted, and the failure
// of the writer. With TLS, the last piece is still being written: it counts as accepted, and
// is sent as soon as the other side reads. A deadline could stop it, but a *tls.Conn whose
// Write has failed once sends nothing more, not even its close_notify.
func (s *stream) stopFill() (n int64, err error) {
	w := s.writer
	w.stop()
	if _, ok := s.Conn.(*tls.Conn); !ok {
		s.SetWriteDeadline(time.Now())
		<-w.done
		s.SetWriteDeadline(time.Time{})
	}
	if w.ended() {
		err = s.fillError()
	}
	return w.count(), err
}

// readOwed ends the writer of fill and reads at once what is still owed. It returns how many
// bytes the server received.
func (s *stream) readOwed(want io.Reader) (owed int64, err error) {
	owed, sent := s.stopFill()
	s.growBuffer()
	if err := s.expect(want, int(owed-s.received)); err != nil {
		return owed, preferReset(about(owed, err), sent)
	}
	return owed, sent
}

// fillError returns the failure of the writer of fill, which has ended.
func (s *stream) fillError() error {
	if err := s.writer.err; err != nil {
		return s.callError("sending", err)
	}
	return nil
}

// writer writes in the background.
type writer struct {
	mu       sync.Mutex
	accepted int64 // bytes passed to Write; without those that it did not accept, if it failed
	stopped  bool
	seen     int64         // accepted, when lastMoved was last called
	moved    time.Time     // when something last moved
	done     chan struct{} // closed when it has ended
	err      error         // how it ended; nil if it was stopped, or everything is written
}

// run writes up to limit bytes of r, in pieces of one TLS record.
func (w *writer) run(to io.Writer, r io.Reader, limit int64) error {
	for left := limit; left > 0; {
		piece := nextBytes(r, int(min(left, 16<<10)))
		if !w.start(len(piece)) {
			return nil
		}
		n, err := to.Write(piece)
		if err != nil {
			return w.failed(len(piece)-n, err)
		}
		left -= int64(len(piece))
	}
	return nil
}

// start counts a piece of n bytes. It returns false if the writer was stopped.
func (w *writer) start(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.accepted += int64(n)
	}
	return !w.stopped
}

// failed subtracts n bytes that were not accepted. It returns err, or nil if it is that of the
// deadline of stopFill.
func (w *writer) failed(n int, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted -= int64(n)
	w.seen -= int64(n) // nothing has moved
	if w.stopped && classify(err) == Timeout {
		return nil
	}
	return err
}

func (w *writer) count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accepted
}

// lastMoved returns when something last moved: bytes were accepted, or something moved on the
// connection.
func (w *writer) lastMoved(conn time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.accepted != w.seen {
		w.seen, w.moved = w.accepted, time.Now()
	}
	if conn.After(w.moved) {
		w.moved = conn
	}
	return w.moved
}

// quietFor returns how long nothing had moved when lastMoved was last called, and since then.
func (w *writer) quietFor() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.moved)
}

func (w *writer) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// stop makes the piece that was started the last one.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}

// thenCloseWrite half-closes c after the last piece.
func (w *writer) thenCloseWrite(c halfCloser) {
	go func() {
		if <-w.done; w.err == nil {
			c.CloseWrite()
		}
	}()
}
