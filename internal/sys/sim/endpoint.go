//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// endpoint is one end of a connection, as its kernel keeps it. Both ends follow the same
// rules, whether a descriptor or a [Peer] refers to one. No method blocks.
type endpoint interface {
	read(p []byte, flags int) (int, sys.Errno)
	write(p []byte, flags int) (int, sys.Errno)
	shutdown(how int) sys.Errno
	// close closes this end, with a reset if the rules demand one or if reset is true.
	close(reset bool)
	// lose ends the connection as a network fault does: the other end is reset, and this end
	// reports errno next.
	lose(errno sys.Errno)
	// pull lets the other end send what waits for space at this end.
	pull()
	ready() int16
	outq() int
	// unread counts the bytes that have arrived and were not read.
	unread() int
	// alive reports whether the connection still exists.
	alive() bool
	// isReset reports whether the connection ended by a reset.
	isReset() bool
	// takeError returns the pending error and clears it.
	takeError() sys.Errno
	// setInline is SO_OOBINLINE.
	setInline(on bool)
}

// side is what both kinds of endpoint share.
type side struct {
	inline bool      // SO_OOBINLINE
	err    sys.Errno // sk_err: reported once, by the next call
	closed bool      // its last descriptor is closed, or the peer has left
	rcv    limit     // the size of the receive buffer
	snd    limit     // the size of the send buffer
	notify func()    // called when something has changed; may be nil
}

// limit returns the size of a buffer, which may change at any time.
type limit func() int

func (s *side) takeError() sys.Errno {
	errno := s.err
	s.err = 0
	return errno
}

func (s *side) changed() {
	if s.notify != nil {
		s.notify()
	}
}

func (s *side) setInline(on bool) { s.inline = on }

// shutdown bits, as in include/net/sock.h: how+1 of shutdown(2).
const (
	rcvShutdown = 1
	sndShutdown = 2
	allShutdown = rcvShutdown | sndShutdown
)

// shutdownBits returns the bits for how.
func shutdownBits(how int) (int, sys.Errno) {
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return 0, unix.EINVAL
	}
	return how + 1, 0
}
