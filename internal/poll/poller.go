//go:build linux

// Package poll waits until file descriptors are ready for I/O. It has one
// Poller for each of the three calls that Linux has for it: select(2), poll(2)
// and epoll(7).
//
// A descriptor is ready for reading when a read would not block, and ready for
// writing when a write would not block. A program that serves many peers from
// one thread makes its sockets non-blocking, asks a Poller which of them are
// ready, and reads and writes only those.
//
// Read select.go, poll.go and epoll.go side by side: they have the same methods
// in the same order. What differs is where the list of watched descriptors is kept
// (the program or the kernel) and what one wait costs.
//
//	         the list is kept by      one wait looks at
//	select   the program, as bits     every number up to the highest watched, at most 1,024
//	poll     the program, as structs  every watched descriptor
//	epoll    the kernel               the ready descriptors only
//
// Another kernel call that reports readiness, e.g. kqueue(2) or io_uring with
// IORING_OP_POLL_ADD, can be a fourth Poller: it needs a file with the same
// methods and a line in the tables of the tests.
package poll

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Poller watches descriptors and reports those that are ready. It belongs to one
// thread: its methods must not be called from two goroutines at once. It makes
// all its calls on the Kernel that it was made with, or that of the last Use.
//
// Events are level-triggered: Wait reports a descriptor again for as long as it
// is ready. Nothing is lost when the caller leaves some of the input for later.
//
// After the first calls no method allocates memory, except that the lists grow
// with the highest number of watched descriptors.
type Poller interface {
	// Add starts to watch fd, which must not be watched yet. Events of fd carry
	// tag. If the Poller cannot watch fd, Add returns an error and fd is not
	// watched: e.g. EINVAL from select for a descriptor above SelectMaxFD, ENOSPC
	// from epoll at its limit for one user.
	Add(fd int, tag uint32, interest Conditions) sys.Errno
	// Modify replaces the tag and the interest of fd, which must be watched. On
	// an error both are as before.
	Modify(fd int, tag uint32, interest Conditions) sys.Errno
	// Remove stops watching fd, which must be watched and still open.
	Remove(fd int)
	// CloseFD closes fd and stops watching it if it is watched. No other process
	// may share the open file behind fd, e.g. by inheriting it: call Remove and
	// then close(2) for such a descriptor.
	CloseFD(fd int)
	// Wait returns the descriptors that are ready, after at most timeout
	// milliseconds; a timeout of -1 has no limit, 0 does not block. Wait may
	// report fewer than are ready: the next Wait reports the others. If a signal
	// interrupts it, Wait returns early, with no events and no error.
	//
	// The slice is valid until the next Wait. An event is what was true when the
	// call returned. If the caller closes fd and opens another descriptor with the
	// same number before it looks at the event, the event is stale. Its tag
	// shows this if the caller gives each descriptor a new tag.
	Wait(timeout int) ([]Event, sys.Errno)
	// Use replaces the Kernel by one that makes the same calls, e.g. one that records them.
	Use(k sys.Kernel)
	// Close frees what the Poller itself holds. It closes no watched descriptor.
	Close()
}

// Precise is a Poller that can also wait for less than a millisecond.
type Precise interface {
	Poller
	// WaitPrecisely is Wait with a timeout in nanoseconds, which is not negative.
	WaitPrecisely(timeout time.Duration) ([]Event, sys.Errno)
}

// Event reports that one descriptor is ready.
type Event struct {
	FD    int32
	Tag   uint32     // as given to Add or Modify
	Ready Conditions // never empty
}

// Conditions is a set of conditions of one descriptor. Each has the bit that it has in
// poll(2), and EPOLLIN to EPOLLHUP of epoll(7) have the same values.
//
// The interest of a caller is Readable, Writable, both, or the empty set. A
// descriptor with an empty interest stays watched: select reports nothing of it,
// poll and epoll still report HangUp and Error.
type Conditions uint8

const (
	// Readable: a read does not block. At the end of the input it returns 0, and
	// after a failure the error.
	Readable Conditions = unix.POLLIN
	// Writable: a write does not block.
	Writable Conditions = unix.POLLOUT
	// HangUp: both directions of the connection are shut down. It is reported
	// without being asked for. select cannot report it: it reports Readable.
	HangUp Conditions = unix.POLLHUP
	// Error: an error is pending, and the next call on the descriptor returns it.
	// It is reported without being asked for. select cannot report it: it reports
	// Readable and Writable, whichever is in the interest.
	Error Conditions = unix.POLLERR
)

// Has reports whether c contains any of the conditions in other.
func (c Conditions) Has(other Conditions) bool { return c&other != 0 }
