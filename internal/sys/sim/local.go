//go:build linux

package sim

import (
	"slices"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// local is one end of a stream on a unix socket, as net/unix/af_unix.c of Linux
// 6.18 keeps it. What one end sends stands at once in the queue of the other,
// and counts against the sender's buffer until it is read. There is no linger.
type local struct {
	side
	far  *local
	in   []*chunk
	oob  *chunk // u->oob_skb: the last byte sent with MSG_OOB, until it is read
	shut int    // sk_shutdown
}

// chunk is what one send put into the queue. Reading an urgent byte by MSG_OOB
// leaves its chunk behind, empty: a place in the stream where recv stops, and
// for which poll still reports input.
type chunk struct{ data []byte }

// newLocalPair returns the two ends of a connection.
func newLocalPair() (*local, *local) {
	a, b := new(local), new(local)
	a.far, b.far = b, a
	return a, b
}

func (s *local) alive() bool   { return true } // a name outlives the peer
func (s *local) isReset() bool { return s.err == unix.ECONNRESET }
func (s *local) pull()         {}

func (s *local) unread() int {
	n := 0
	for _, c := range s.in {
		n += len(c.data)
	}
	return n
}

// outq is not 0 as long as the far end has something unread. The kernel counts
// its memory for it (unix_outq_len); here the bytes stand for that, and an empty
// chunk counts one.
func (s *local) outq() int { return s.far.unread() + s.far.empty() }

func (s *local) empty() int {
	n := 0
	for _, c := range s.in {
		if len(c.data) == 0 {
			n++
		}
	}
	return n
}

func (s *local) room() int { return max(s.snd()-s.far.unread(), 0) }

// write is unix_stream_sendmsg. With MSG_OOB the last byte goes into a chunk of
// its own (queue_oob); an earlier urgent byte that is still unread becomes an
// ordinary one.
func (s *local) write(p []byte, flags int) (int, sys.Errno) {
	oob := flags&unix.MSG_OOB != 0
	switch {
	case oob && len(p) == 0:
		return 0, unix.EOPNOTSUPP
	case s.shut&sndShutdown != 0:
		return 0, unix.EPIPE
	case len(p) == 0:
		return 0, 0
	case s.far.closed || s.far.shut&rcvShutdown != 0:
		return 0, unix.EPIPE
	}
	n := min(len(p), s.room())
	if n == 0 {
		return 0, unix.EAGAIN
	}
	oob = oob && n == len(p)
	body := p[:n]
	if oob {
		body = p[:n-1]
	}
	if len(body) > 0 {
		s.far.in = append(s.far.in, &chunk{slices.Clone(body)})
	}
	if oob {
		s.far.oob = &chunk{[]byte{p[n-1]}}
		s.far.in = append(s.far.in, s.far.oob)
	}
	s.far.changed()
	return n, 0
}

// shutdown is unix_shutdown: what one end will no longer receive, the other can
// no longer send.
func (s *local) shutdown(how int) sys.Errno {
	bits, errno := shutdownBits(how)
	if errno != 0 {
		return errno
	}
	s.shut |= bits
	if bits&rcvShutdown != 0 {
		s.far.shut |= sndShutdown
	}
	if bits&sndShutdown != 0 {
		s.far.shut |= rcvShutdown
	}
	s.far.changed()
	return 0
}

// close is unix_release_sock. Unread input is a reset for the far end, which can
// still read what was sent to it. An empty chunk that stands first is not input.
func (s *local) close(reset bool) {
	left := s.in
	if len(left) > 0 && len(left[0].data) == 0 {
		left = left[1:]
	}
	s.leave(reset || len(left) > 0)
}

func (s *local) leave(reset bool) {
	s.closed, s.in = true, nil
	if s.far.closed {
		return
	}
	s.far.shut = allShutdown
	if reset {
		s.far.err = unix.ECONNRESET
	}
	s.far.changed()
}

// lose makes a fault true that a script chose: the far end leaves with unread
// input, and takes with it what it was sent.
func (s *local) lose(errno sys.Errno) {
	s.far.leave(true)
	s.err = errno
	s.far.err = unix.ECONNRESET
	s.far.shut = allShutdown
	s.far.changed()
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
	// unix_writable: not until three quarters of the buffer are free.
	if 4*s.far.unread() <= s.snd() {
		events |= unix.POLLOUT
	}
	return events
}
