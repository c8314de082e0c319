//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// read follows tcp_recvmsg_locked: first what is queued, then the FIN, then the
// pending error, and a dead stream without one ends like a finished one.
func (s *tcp) read(p []byte, flags int) (int, sys.Errno) {
	if flags&unix.MSG_OOB != 0 {
		return s.readUrgent(p, flags)
	}
	n, passed := s.scan(p)
	if flags&unix.MSG_PEEK == 0 && passed > 0 {
		s.take(passed)
		defer s.pull()
		if s.far != nil {
			defer s.far.changed()
		}
	}
	switch {
	case n > 0 || len(p) == 0 && len(s.in) > 0:
		return n, 0
	case s.fin:
		return 0, 0
	case s.err != 0:
		return 0, s.takeError()
	case s.shutdownNow()&rcvShutdown != 0:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

// scan copies what one recv(2) may return into p, and tells how far in the queue
// it came. It stops before an urgent byte if it has copied anything. An urgent
// byte that is not in line is passed over.
func (s *tcp) scan(p []byte) (n, passed int) {
	for n < len(p) && passed < len(s.in) {
		end := len(s.in)
		if s.urg.state != noUrgent && s.urg.at >= passed {
			switch {
			case s.urg.at > passed:
				end = min(s.urg.at, len(s.in))
			case n > 0:
				return n, passed
			case !s.inline:
				passed++
				if passed == len(s.in) {
					return n, passed
				}
			}
		}
		copied := copy(p[n:], s.in[passed:end])
		n += copied
		passed += copied
	}
	return n, passed
}

// take removes the first n bytes of the queue, with the urgent byte's place if
// that is among them.
func (s *tcp) take(n int) {
	s.in = s.in[n:]
	if s.urg.state == noUrgent {
		return
	}
	if s.urg.at -= n; s.urg.at < 0 {
		s.urg = urgent{}
	}
}

// readUrgent is tcp_recv_urg. The byte keeps its place in the queue.
func (s *tcp) readUrgent(p []byte, flags int) (int, sys.Errno) {
	switch {
	case s.inline || s.urg.state != urgentUnread:
		return 0, unix.EINVAL
	case s.dead() && !s.fin:
		return 0, unix.ENOTCONN
	}
	if flags&unix.MSG_PEEK == 0 {
		s.urg.state = urgentRead
	}
	return copy(p, []byte{s.urg.value}), 0
}
