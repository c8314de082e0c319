//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// endpoint is one end of a connection, as the kernel on its side keeps it. Both
// ends follow the same rules, whether a descriptor of the server refers to one
// or a [Peer] does. No method blocks.
type endpoint interface {
	read(p []byte, flags int) (int, sys.Errno)
	write(p []byte, flags int) (int, sys.Errno)
	shutdown(how int) sys.Errno
	// close ends this end, with a reset if the rules demand one or if reset
	// is true.
	close(reset bool)
	// lose ends the connection as a network fault does: the far end is told,
	// and errno is what this end reports next.
	lose(errno sys.Errno)
	// pull asks the far end for what waits there for room at this one.
	pull()
	ready() int16
	outq() int
	// unread counts the bytes that have arrived and were not read.
	unread() int
	// alive reports whether the connection still has both its ends.
	alive() bool
	// isReset reports whether the connection ended by a reset.
	isReset() bool
	// takeError reports the pending error and forgets it.
	takeError() sys.Errno
	// setInline is SO_OOBINLINE.
	setInline(on bool)
}

// side is what both kinds of endpoint have in common.
type side struct {
	inline bool      // SO_OOBINLINE
	err    sys.Errno // sk_err: reported once, to whoever asks first
	closed bool      // nobody refers to it any more
	rcv    limit     // how many unread bytes it holds
	snd    limit     // how many bytes it holds for the far end
	notify func()    // something changed; nil if nobody wants to know
}

// limit is a buffer's size, which may change at any time.
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

// shutdownBits are the bits for how.
func shutdownBits(how int) (int, sys.Errno) {
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return 0, unix.EINVAL
	}
	return how + 1, 0
}
