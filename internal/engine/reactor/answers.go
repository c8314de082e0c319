//go:build linux

package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/sock"
	"echod/internal/sys"
)

// answers are messages to send with sendmmsg(2). Consecutive answers of the same size, from the
// same address and to the same peer, are one message: a train (see sock.Trains). Nothing is
// copied: the parts of a train stay in the buffers that they were received into.
type answers struct {
	headers  [batchSize]sys.Mmsghdr
	messages [batchSize]answer
	parts    [batchSize]unix.Iovec
	used     int // messages
	filled   int // parts
	ready    int // messages whose header is complete
}

// answer is one message: a datagram or a train.
type answer struct {
	to      *message     // what it answers
	parts   []unix.Iovec // of answers.parts
	size    int          // of each datagram but the last, in bytes
	bytes   int
	count   int // datagrams
	most    int // datagrams it may have, without the short last one of a full train
	control [sock.ControlSize]byte
}

func newAnswers() *answers {
	a := new(answers)
	for i := range a.messages {
		a.headers[i].Hdr.Control = &a.messages[i].control[0]
	}
	return a
}

func (a *answers) clear() { a.used, a.filled, a.ready = 0, 0, 0 }

// add adds as many of the first datagrams of t as one message may have, and returns their
// number: 0 if there is no space. m is where t arrived. A train of datagrams of this size may
// have at most most of them.
func (a *answers) add(m *message, t echo.Train, most int) int {
	if a.filled == batchSize {
		return 0
	}
	if a.used > 0 {
		if last := &a.messages[a.used-1]; last.to == m || last.to.samePath(m) {
			if n := last.accepts(t); n > 0 {
				a.extend(last, t, n)
				return n
			}
		}
	}
	next := &a.messages[a.used]
	next.to, next.parts = m, a.parts[a.filled:a.filled]
	next.size, next.most = t.First(), most
	next.bytes, next.count = 0, 0
	a.used++
	n := max(next.accepts(t), 1)
	a.extend(next, t, n)
	return n
}

// accepts returns how many of the first datagrams of t can be added to the message.
func (a *answer) accepts(t echo.Train) int {
	first := t.First()
	switch {
	case first == 0 || first > a.size || a.bytes < a.size*a.count: // the last one is a short one
		return 0
	case first < a.size:
		return min(a.most-a.count, 1)
	}
	return min(a.most-a.count, t.Count())
}

func (a *answers) extend(to *answer, t echo.Train, n int) {
	run, _ := t.Cut(n)
	part := &a.parts[a.filled]
	part.Base = unsafe.SliceData(run.Bytes)
	part.SetLen(len(run.Bytes))
	a.filled++
	to.parts = to.parts[:len(to.parts)+1]
	to.bytes += len(run.Bytes)
	to.count += n
}

// prepared returns the headers of the messages from the one at an index on.
func (a *answers) prepared(from int) []sys.Mmsghdr {
	for ; a.ready < a.used; a.ready++ {
		m, h := &a.messages[a.ready], &a.headers[a.ready].Hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&m.to.from)), unix.SizeofSockaddrInet6
		h.Iov = unsafe.SliceData(m.parts)
		h.SetIovlen(len(m.parts))
		info := m.to.arrived
		info.Segment = 0
		if m.count > 1 {
			info.Segment = uint16(m.size)
		}
		h.SetControllen(sock.PutControl(m.control[:], info, m.to.source().Addr()))
	}
	return a.headers[from:a.used]
}

// datagrams returns how many datagrams some of the messages have.
func (a *answers) datagrams(from, to int) (n int) {
	for i := from; i < to; i++ {
		n += a.messages[i].count
	}
	return n
}
