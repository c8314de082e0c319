package dial

import (
	"net"
	"sync"

	"echod/internal/errno"
)

// Writes are the writes to a stream that another goroutine reads. The kernel reports only once
// why a stream failed, e.g. that it was reset: if a write gets that, the read sees a plain end of
// file. A write after the peer's FIN fails in another way, with EPIPE (tcp_reset in the kernel's
// tcp_input.c). The zero value is ready for use. Its methods may be called from any goroutine.
type Writes struct {
	mu  sync.Mutex // held during a write
	err error      // of the first that failed
}

// Do calls write and returns its error.
func (w *Writes) Do(write func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := write()
	if w.err == nil {
		w.err = err
	}
	return err
}

// ReadError returns why a read of conn failed with err. After an end of file it closes conn, which
// ends a write that waits, and returns the error of the write if that was told the reason.
func (w *Writes) ReadError(conn net.Conn, err error) error {
	if Classify(err) != PrematureEOF {
		return err
	}
	Transport(conn).Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if number := errno.Of(w.err); number != 0 && errno.Classify(number) != errno.Closed {
		return w.err
	}
	return err
}
