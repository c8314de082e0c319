//go:build linux

package reactor

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// inbox is how other goroutines reach a loop, which may be asleep in its poller. They
// add a handoff or a request and write to an eventfd(2) that the poller watches.
type inbox struct {
	k  sys.Kernel // that of the server: other goroutines make calls here
	fd int        // the eventfd

	mu        sync.Mutex
	signalled bool // the eventfd was written to since it was last read
	stopped   bool
	handoffs  []handoff
	requests  []request
	adding    []handoff // swapped with handoffs, so that a handoff allocates nothing
	value     [8]byte   // read from the eventfd
}

// handoff is an accepted connection on its way to the loop that will serve it.
type handoff struct {
	fd   int32
	unix bool
}

// request is a function that a loop runs on its own thread.
type request struct {
	run  func()
	done chan struct{}
}

func (in *inbox) open(l *loop) error {
	fd, errno := l.k.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if errno != 0 {
		return os.NewSyscallError("eventfd", errno)
	}
	in.k, in.fd = l.k, fd
	if err := l.watch(fd, in); err != nil {
		l.k.Close(fd)
		return fmt.Errorf("inbox: %w", err)
	}
	return nil
}

// handOff gives h to the loop to, which may be l itself.
func (l *loop) handOff(to *loop, h handoff) {
	to.conns.Add(1)
	to.count.Active.Add(1)
	if to == l {
		l.addConn(h)
		return
	}
	to.inbox.mu.Lock()
	defer to.inbox.mu.Unlock()
	to.inbox.handoffs = append(to.inbox.handoffs, h)
	to.inbox.signal()
}

// wake makes the loop iterate.
func (in *inbox) wake() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.signal()
}

// request has the loop run a function in its next iteration. It returns a channel that
// is closed when the function has run, or when the loop has ended and never will run it.
func (in *inbox) request(run func()) <-chan struct{} {
	r := request{run, make(chan struct{})}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		close(r.done)
		return r.done
	}
	in.requests = append(in.requests, r)
	in.signal()
	return r.done
}

// signal writes to the eventfd, unless the loop has yet to read what was written before.
// An eventfd that is full wakes the loop, too. The caller holds mu.
func (in *inbox) signal() {
	if in.signalled || in.stopped {
		return
	}
	in.signalled = true
	one := [8]byte{0: 1, 7: 1} // not 0 in either byte order
	for {
		if _, errno := in.k.Write(in.fd, one[:]); errno != unix.EINTR {
			return
		}
	}
}

// handleReadable empties the inbox.
func (in *inbox) handleReadable(l *loop) {
	in.mu.Lock()
	l.k.Read(in.fd, in.value[:])
	in.signalled = false
	requests := in.requests
	in.requests = nil
	in.mu.Unlock()
	in.addAll(l)
	for _, r := range requests {
		r.run()
		close(r.done)
	}
}

// addAll starts to serve the connections in the inbox.
func (in *inbox) addAll(l *loop) {
	in.mu.Lock()
	in.handoffs, in.adding = in.adding[:0], in.handoffs
	in.mu.Unlock()
	for _, h := range in.adding {
		l.addConn(h)
	}
}

// stop ends all requests, those to come included, without running them. The loop does
// not iterate any more, though other loops may.
func (in *inbox) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stopped = true
	for _, r := range in.requests {
		close(r.done)
	}
	in.requests = nil
}

func (in *inbox) close(l *loop) {
	in.stop()
	l.poller.Remove(in.fd)
	l.k.Close(in.fd)
}
