package accept

import (
	"syscall"

	"echod/internal/errno"
)

// Reason is why a caller was not accepted. It is counted for each listener and
// is never the end of one.
type Reason uint8

const (
	// Aborted: that one connection was lost while it was queued.
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
// reason to count, and whether to pause before the next call. EAGAIN and EINTR
// are no errors here and must not be passed in.
//
// Linux passes the pending network errors of the new connection on as if accept
// itself had failed (accept(2), "Error handling"): that one connection is lost,
// the next may be fine, so the listener goes on at once. A shortage lasts for a
// while, and an unknown error may last for ever: both pause, so that they cannot
// make the caller spin.
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
