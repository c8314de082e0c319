//go:build linux

package sim

import (
	"slices"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// read is unix_stream_read_generic.
func (s *local) read(p []byte, flags int) (int, sys.Errno) {
	if flags&unix.MSG_OOB != 0 {
		return s.readUrgent(p, flags)
	}
	peek := flags&unix.MSG_PEEK != 0
	n, done := 0, false
	for at := 0; !done; { // only peeking leaves the first chunk
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
		case peek: // goes on even where p is full
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
		s.far.changed()
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

// skipUrgent is manage_oob: it tells which chunk recv goes on with, at or after
// at, or -1 if it stops. It stops before an urgent byte if it has copied
// anything; else it passes the byte, or loses it if this is no peek and it is
// not in line.
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

// readUrgent is unix_stream_recv_urg. It returns 1 even where p has no room. It
// leaves an empty chunk, and removes one that stands before it.
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
		s.far.changed()
	}
	return 1, 0
}
