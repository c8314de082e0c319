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
	step  func(fd uintptr) (done bool) // signalOnce; made once: it is an allocation

	mu      sync.Mutex
	ended   sync.Cond // a poll has ended
	polling bool      // a goroutine polls
	polls   uint64    // how many have ended

	// These belong to the goroutine that polls.
	signalled bool
	errno     syscall.Errno // of the signal
}

func (y *yield) open(calls sock.Calls) error {
	event, err := calls.Eventfd()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	y.calls, y.event, y.step = calls, event, y.signalOnce
	y.ended.L = &y.mu
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
	defer y.mu.Unlock()
	if y.polling {
		for before := y.polls; before == y.polls; {
			y.ended.Wait()
		}
		return true
	}
	y.polling = true
	y.mu.Unlock()
	polled = y.poll()
	y.mu.Lock()
	y.polling = false
	y.polls++
	y.ended.Broadcast()
	return polled
}

// poll returns false if the eventfd is closed or cannot be written.
func (y *yield) poll() (polled bool) {
	y.signalled, y.errno = false, 0
	err := y.raw.Read(y.step)
	return err == nil && y.errno == 0
}

// signalOnce is what RawConn.Read calls, first at once: it signals and returns false, so the
// goroutine waits for the poller. When the poller has returned it, the second call ends the poll.
func (y *yield) signalOnce(fd uintptr) (done bool) {
	if y.signalled {
		return true
	}
	y.signalled = true
	y.errno = y.calls.Signal(fd)
	return y.errno != 0
}
