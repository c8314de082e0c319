//go:build linux

package sim

import (
	"slices"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// local is one end of a stream on a unix socket, as net/unix/af_unix.c of Linux 6.18 keeps
// it. What one end sends is at once in the queue of the other, and counts against the
// sender's buffer until it is read. There is no linger.
type local struct {
	side
	peer *local
	in   []*chunk
	oob  *chunk // u->oob_skb: the last byte sent with MSG_OOB, until it is read
	shut int    // sk_shutdown
}

// chunk is what one send appended to the queue. Reading an urgent byte with MSG_OOB leaves
// its chunk in the queue, empty: recv stops there, and poll still reports POLLIN for it.
type chunk struct{ data []byte }

// newLocalPair returns the two ends of a connection.
func newLocalPair() (*local, *local) {
	a, b := new(local), new(local)
	a.peer, b.peer = b, a
	return a, b
}

func (s *local) alive() bool   { return true } // getpeername works after the peer has closed
func (s *local) isReset() bool { return s.err == unix.ECONNRESET }
func (s *local) pull()         {}

func (s *local) unread() int {
	n := 0
	for _, c := range s.in {
		n += len(c.data)
	}
	return n
}

// outq is not 0 as long as the other end has something unread. The kernel counts its memory for
// that (unix_outq_len). Here the number of bytes stands for it; an empty chunk counts as one.
func (s *local) outq() int { return s.peer.unread() + s.peer.empty() }

func (s *local) empty() int {
	n := 0
	for _, c := range s.in {
		if len(c.data) == 0 {
			n++
		}
	}
	return n
}

func (s *local) space() int { return max(s.snd()-s.peer.unread(), 0) }

// write is unix_stream_sendmsg. With MSG_OOB the last byte becomes a chunk of its own
// (queue_oob); an earlier urgent byte that is still unread becomes an ordinary one.
func (s *local) write(p []byte, flags int) (int, sys.Errno) {
	oob := flags&unix.MSG_OOB != 0
	switch {
	case oob && len(p) == 0:
		return 0, unix.EOPNOTSUPP
	case s.shut&sndShutdown != 0:
		return 0, unix.EPIPE
	case len(p) == 0:
		return 0, 0
	case s.peer.closed || s.peer.shut&rcvShutdown != 0:
		return 0, unix.EPIPE
	}
	n := min(len(p), s.space())
	if n == 0 {
		return 0, unix.EAGAIN
	}
	oob = oob && n == len(p)
	body := p[:n]
	if oob {
		body = p[:n-1]
	}
	if len(body) > 0 {
		s.peer.in = append(s.peer.in, &chunk{slices.Clone(body)})
	}
	if oob {
		s.peer.oob = &chunk{[]byte{p[n-1]}}
		s.peer.in = append(s.peer.in, s.peer.oob)
	}
	s.peer.changed()
	return n, 0
}

// shutdown is unix_shutdown: if one end does not receive any more, the other cannot send any
// more.
func (s *local) shutdown(how int) sys.Errno {
	bits, errno := shutdownBits(how)
	if errno != 0 {
		return errno
	}
	s.shut |= bits
	if bits&rcvShutdown != 0 {
		s.peer.shut |= sndShutdown
	}
	if bits&sndShutdown != 0 {
		s.peer.shut |= rcvShutdown
	}
	s.peer.changed()
	return 0
}

// close is unix_release_sock. Unread input is a reset for the other end, which can still read
// what was sent to it. An empty chunk at the front is not input.
func (s *local) close(reset bool) {
	left := s.in
	if len(left) > 0 && len(left[0].data) == 0 {
		left = left[1:]
	}
	s.disconnect(reset || len(left) > 0)
}

func (s *local) disconnect(reset bool) {
	s.closed, s.in = true, nil
	if s.peer.closed {
		return
	}
	s.peer.shut = allShutdown
	if reset {
		s.peer.err = unix.ECONNRESET
	}
	s.peer.changed()
}

// lose applies an error that the script chose: the other end closes with unread input, and what
// was sent to it is lost.
func (s *local) lose(errno sys.Errno) {
	s.peer.disconnect(true)
	s.err = errno
	s.peer.err = unix.ECONNRESET
	s.peer.shut = allShutdown
	s.peer.changed()
}

// ready is unix_poll.
func (s *local) ready() int16 {
	var events int16
	if s.err != 0 {
		events |= unix.POLLERR
	}
	if s.shut == allShutdown {
		events |= unix.POLLHUP
	}
	if s.shut&rcvShutdown != 0 {
		events |= unix.POLLIN | unix.POLLRDHUP
	}
	if len(s.in) > 0 {
		events |= unix.POLLIN
	}
	if s.oob != nil {
		events |= unix.POLLPRI
	}
	// unix_writable: only if three quarters of the buffer are free.
	if 4*s.peer.unread() <= s.snd() {
		events |= unix.POLLOUT
	}
	return events
}

// read is unix_stream_read_generic.
func (s *local) read(p []byte, flags int) (int, sys.Errno) {
	if flags&unix.MSG_OOB != 0 {
		return s.readUrgent(p, flags)
	}
	peek := flags&unix.MSG_PEEK != 0
	n, done := 0, false
	for at := 0; !done; { // only a peek goes past the first chunk
		at = s.skipUrgent(at, peek, n)
		for at >= 0 && at < len(s.in) && len(s.in[at].data) == 0 {
			at = s.skipUrgent(at+1, peek, n)
		}
		if at < 0 || at >= len(s.in) {
			break
		}
		c := s.in[at]
		copied := copy(p[n:], c.data)
		n += copied
		switch {
		case peek: // goes on even if p is full
			at++
			done = at == len(s.in)
		case copied < len(c.data):
			c.data = c.data[copied:]
			done = true
		default:
			s.in = slices.Delete(s.in, at, at+1)
			done = n == len(p)
		}
	}
	if !peek {
		s.peer.changed()
	}
	switch {
	case done || n > 0:
		return n, 0
	case s.err != 0:
		return 0, s.takeError()
	case s.shut&rcvShutdown != 0:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

// skipUrgent is manage_oob: it returns the chunk with which recv continues, from at on, or -1 if
// it stops. It stops before an urgent byte if it has copied anything. Else it skips the byte,
// or drops it if this is not a peek and the byte is not inline.
func (s *local) skipUrgent(at int, peek bool, copied int) int {
	if at < 0 || at >= len(s.in) {
		return at
	}
	c := s.in[at]
	if len(c.data) > 0 && c != s.oob {
		return at
	}
	if len(c.data) == 0 {
		switch {
		case copied > 0 && (s.oob == nil || c == s.oob):
			return -1
		case peek:
			at++
		default:
			s.in = slices.Delete(s.in, at, at+1)
		}
		if at >= len(s.in) {
			return at
		}
	}
	if s.in[at] != s.oob {
		return at
	}
	switch {
	case copied > 0:
		return -1
	case !peek:
		s.oob = nil
		if !s.inline {
			s.in = slices.Delete(s.in, at, at+1)
			at = 0
		}
	case !s.inline:
		at++
	}
	return at
}

// readUrgent is unix_stream_recv_urg. It returns 1 even if p has no space. It leaves an empty
// chunk, and removes one before it.
func (s *local) readUrgent(p []byte, flags int) (int, sys.Errno) {
	if s.inline || s.oob == nil {
		return 0, unix.EINVAL
	}
	copy(p, s.oob.data)
	if flags&unix.MSG_PEEK == 0 {
		at := slices.Index(s.in, s.oob)
		s.oob.data, s.oob = nil, nil
		if at > 0 && len(s.in[at-1].data) == 0 {
			s.in = slices.Delete(s.in, at-1, at)
		}
		s.peer.changed()
	}
	return 1, 0
}
