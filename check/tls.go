package check

import (
	"io"
	"sync"
	"time"
)

// flags are the command line's flags that ask for t's TLS.
func (t Target) flags() []string {
	var words []string
	switch config := t.TLS; {
	case t.Network != "tls" || config == nil:
		return nil
	case config.InsecureSkipVerify:
		words = append(words, "--tls-insecure")
	case config.RootCAs != nil:
		words = append(words, "--tls-ca", "FILE") // the name of which is forgotten
	}
	if t.TLS.ServerName != "" {
		words = append(words, "--tls-server-name", t.TLS.ServerName)
	}
	if len(t.TLS.Certificates) > 0 {
		words = append(words, "--tls-cert", "FILE", "--tls-key", "FILE")
	}
	return words
}

// writing is a filler that is left at work when it has come to a standstill. A
// deadline could stop it, but a *tls.Conn of which one Write has failed sends
// nothing any more, not even its close_notify.
type writing struct {
	mu      sync.Mutex
	begun   int64 // bytes handed over, the piece that is stuck among them
	stopped bool
	done    chan error // why it ended; nil if it was stopped, or all is written
}

// begin counts a piece of n bytes, unless no more pieces are wanted.
func (w *writing) begin(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.begun += int64(n)
	}
	return !w.stopped
}

func (w *writing) count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}

// stop lets the piece that was begun be the last.
func (w *writing) stop() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	return w.begun
}

// run writes up to limit bytes of r, in pieces of a TLS record.
func (w *writing) run(to io.Writer, r io.Reader, limit int64) error {
	for left := limit; left > 0; {
		piece := take(r, int(min(left, 16<<10)))
		if !w.begin(len(piece)) {
			return nil
		}
		if _, err := to.Write(piece); err != nil {
			return err
		}
		left -= int64(len(piece))
	}
	return nil
}

// thenFinish half-closes c after the last piece.
func (w *writing) thenFinish(c halfCloser) {
	go func() {
		if <-w.done == nil {
			c.CloseWrite()
		}
	}()
}

// fillMeanwhile is fill for a connection that no deadline may interrupt: the
// last piece is still on its way when it returns, counts as taken, and is sent
// as soon as the other side takes it.
func (s *stream) fillMeanwhile(r io.Reader, limit int64, patience time.Duration) (n int64, stood bool, err error) {
	w := &writing{done: make(chan error, 1)}
	s.SetWriteDeadline(time.Time{})
	go func() { w.done <- w.run(s.Conn, r, limit) }()
	look := time.NewTicker(patience)
	defer look.Stop()
	for before := int64(0); ; before = n {
		select {
		case err := <-w.done:
			return w.count(), false, err
		case <-look.C:
		}
		if n = w.count(); n == before {
			s.writing = w
			return w.stop(), true, nil
		}
	}
}
