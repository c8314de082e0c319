package gonet

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"echod/internal/sock"
)

// yield lets other goroutines run while one always has bytes to receive. All goroutines of a
// server share it.
//
// The Go scheduler asks which sockets are ready when no goroutine can run, or else every 10 ms
// (runtime/proc.go). A short sleep makes it ask, too. But if no other goroutine can run, it rounds
// the rest of the sleep up to 1 ms (netpoll in runtime/netpoll_epoll.go). So a goroutine waits for
// an eventfd(2) that it writes to itself: the runtime's poller is edge-triggered and each write is
// an edge (epoll(7)), so the next time that the scheduler asks, the poller returns this goroutine
// and all others whose sockets are ready. Nobody reads the counter of the eventfd.
type yield struct {
	calls sock.Calls
	event *os.File // nil on a system without eventfd(2), or on a simulated kernel: wait sleeps
	raw   syscall.RawConn

	mu      sync.Mutex
	polling chan struct{} // closed when the current poll has ended; nil if there is none
}

func (y *yield) open(calls sock.Calls) error {
	event, err := calls.Eventfd()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	y.calls, y.event = calls, event
	y.raw, err = event.SyscallConn()
	return err
}

// close ends the current poll. A later wait sleeps.
func (y *yield) close() { y.event.Close() }

// wait waits until the scheduler has asked which sockets are ready.
func (y *yield) wait() {
	if y.event == nil || !y.join() {
		time.Sleep(time.Microsecond)
	}
}

// join polls, or waits for the poll of another goroutine. If each polled for itself, the lock of
// the eventfd would go to the one that runs already, again and again, and others would wait as long.
func (y *yield) join() (polled bool) {
	y.mu.Lock()
	if polling := y.polling; polling != nil {
		y.mu.Unlock()
		<-polling
		return true
	}
	polling := make(chan struct{})
	y.polling = polling
	y.mu.Unlock()
	polled = y.poll()
	y.mu.Lock()
	y.polling = nil
	y.mu.Unlock()
	close(polling)
	return polled
}

// poll returns false if the eventfd is closed or cannot be written.
func (y *yield) poll() (polled bool) {
	var written bool
	var errno syscall.Errno
	err := y.raw.Read(func(fd uintptr) (done bool) {
		if written {
			return true // the poller has returned this goroutine
		}
		written = true
		errno = y.calls.Signal(fd)
		return errno != 0
	})
	return err == nil && errno == 0
}
