package engine

import "syscall"

// ClassifyAccept tells what an errno of accept(2) means for the listener: which
// trouble to count, and whether to rest before the next try. None ends it.
//
// Linux passes the pending network errors of the new connection on as if accept
// itself had failed (accept(2), "Error handling"): that one connection is lost,
// the next may be fine, so the listener goes on at once. A shortage stays for a
// while, and what nobody foresaw may stay for ever: both rest, so that they
// cannot spin. EAGAIN and EINTR are no troubles and not to be asked about.
func ClassifyAccept(errno syscall.Errno) (trouble AcceptTrouble, rest bool) {
	switch posix(errno) {
	case syscall.ECONNABORTED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.EPERM, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH:
		return AcceptAborted, false
	case syscall.EMFILE, syscall.ENFILE:
		return AcceptNoDescriptors, true
	case syscall.ENOBUFS, syscall.ENOMEM:
		return AcceptNoMemory, true
	default:
		return AcceptOther, true
	}
}

// ClassifyEnd tells why a stream ended on which the kernel answered errno to a
// read or a write. Never Finished: an error is no clean end.
func ClassifyEnd(errno syscall.Errno) Cause {
	switch posix(errno) {
	case syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ENOTCONN:
		return PeerReset
	case syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH,
		syscall.ENETDOWN, syscall.ENETRESET, syscall.ECONNREFUSED, syscall.EPROTO, syscall.ENOPROTOOPT:
		return PeerLost
	default:
		return Broken
	}
}
