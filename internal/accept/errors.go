package accept

import (
	"syscall"

	"echod/internal/errno"
)

// Reason is why a connection was not accepted. Reasons are counted for each listener.
// None of them closes a listener.
type Reason uint8

const (
	// Aborted: one connection was lost while it was in the queue.
	Aborted Reason = iota
	// NoDescriptors: EMFILE or ENFILE; the listener pauses.
	NoDescriptors
	// NoMemory: ENOBUFS or ENOMEM; the listener pauses.
	NoMemory
	// Full: the limit on connections is reached; the listener pauses.
	Full
	// Other: any other error number; the listener pauses.
	Other

	// NumReasons is how many reasons there are.
	NumReasons
)

var reasonNames = [NumReasons]string{
	Aborted: "aborted", NoDescriptors: "no-descriptors", NoMemory: "no-memory", Full: "full", Other: "other",
}

func (r Reason) String() string { return reasonNames[r] }

// Classify reports what an error number of accept(2) means for the listener: the
// reason to count, and whether to pause before the next call. The number is neither
// EAGAIN nor EINTR.
//
// Linux returns pending network errors of the new connection as errors of accept
// (accept(2), "Error handling"). That one connection is lost, and the next one may be
// fine, so the listener does not pause. A shortage lasts for some time, and an unknown
// error may never end. The listener pauses for both, so that it does not spin.
func Classify(number syscall.Errno) (reason Reason, pause bool) {
	switch errno.Classify(number) {
	case errno.Reset, errno.TimedOut, errno.Protocol, errno.Unreachable, errno.Filtered:
		return Aborted, false
	case errno.NoDescriptors:
		return NoDescriptors, true
	case errno.NoMemory:
		return NoMemory, true
	default:
		return Other, true
	}
}
