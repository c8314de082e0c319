//go:build linux

package reactor

import "echod/internal/sys"

// poller is one way to ask the kernel which descriptors are ready. It belongs
// to one loop and is used from its thread alone.
//
// Readiness is level-triggered: a descriptor that is not served is reported
// again by the next wait, so nothing is lost when a loop leaves some for later.
// A descriptor that failed or was closed by its peer counts as ready for
// whatever is wanted, because the call that is made then tells what happened.
//
// gen tells apart the connections that one descriptor number has had: it comes
// back in the event, and the loop ignores an event whose gen is stale.
type poller interface {
	// add starts to watch fd. An error says that the kernel will not, and
	// nothing has changed.
	add(fd int, gen uint32, want interest) sys.Errno
	// mod changes what is wanted of a watched fd; nothing changes on an error.
	mod(fd int, gen uint32, want interest) sys.Errno
	// del ends the watch. It comes before fd is closed.
	del(fd int)
	// drop is del for a connection that is closed before the next wait, and that
	// no other process shares.
	drop(fd int)
	// wait returns what is ready, after at most timeout milliseconds; -1
	// waits for as long as it takes. The slice is the poller's and is good
	// until the next wait. EINTR is no error: it returns nothing, early.
	wait(timeout int) ([]event, sys.Errno)
	// close gives the poller's own descriptor back, if it has one.
	close()
}

// event says that a descriptor is ready for what was wanted of it.
type event struct {
	fd  int32
	gen uint32
}

// interest is what is wanted of a descriptor: one thing at a time, because a
// stream that owes is not read and one that owes nothing has nothing to write.
type interest uint8

const (
	nothing interest = iota // stay on the list, say nothing
	readable
	writable
)

// batch is how many events one wait takes from the kernel at most. The rest is
// reported by the next.
const batch = 512
