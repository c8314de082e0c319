package load

import (
	"encoding/binary"
	"fmt"
)

// headerSize is the header of each datagram: 4 bytes that tell this run from others,
// 4 with the number of the socket, 8 with the number of the datagram.
const headerSize = 16

// datagrams is the datagrams of one slot, without the I/O. It is for one goroutine
// at a time.
type datagrams struct {
	content *content
	verify  bool
	tag     uint32 // of this run
	conn    int

	first    uint64      // the number of pending[0]
	pending  []*datagram // in the order in which they were sent; nil for those that were answered
	inFlight int         // pending, without the answered ones
	buffer   []*datagram // the array that pending is a part of
	free     []*datagram
	highest  uint64 // the highest number that was answered, plus one
	expired  [8]uint64
}

// datagram is one that waits for its answer.
type datagram struct {
	due, sent int64 // ns: when it should have been sent, and when it was
	size      int
}

// remembered is for how many datagrams before the first pending one it is known
// whether they expired.
const remembered = uint64(len(datagrams{}.expired) * 64)

// add writes the next datagram, of size bytes, into buf and returns it.
func (f *datagrams) add(buf []byte, due, now int64, size int) []byte {
	var d *datagram
	if n := len(f.free); n > 0 {
		d, f.free = f.free[n-1], f.free[:n-1]
	} else {
		d = new(datagram)
	}
	*d = datagram{due, now, size}
	number := f.count()
	f.enqueue(d)
	p := buf[:size]
	binary.BigEndian.PutUint32(p[0:], f.tag)
	binary.BigEndian.PutUint32(p[4:], uint32(f.conn))
	binary.BigEndian.PutUint64(p[8:], number)
	copy(p[headerSize:], f.content.at(f.startOf(number), int64(size-headerSize)))
	return p
}

// count returns how many datagrams there have been, which is the number of the next.
func (f *datagrams) count() uint64 { return f.first + uint64(len(f.pending)) }

// enqueue appends d to pending. It reuses the space of those that were removed from
// the front: in a steady state nothing is allocated.
func (f *datagrams) enqueue(d *datagram) {
	if n := len(f.pending); n == cap(f.pending) {
		if cap(f.buffer) < 2*n+1 {
			f.buffer = make([]*datagram, 0, 4*n+1)
		}
		f.pending = append(f.buffer, f.pending...)
	}
	f.pending = append(f.pending, d)
	f.inFlight++
}

// cancel takes back the last datagram of add, which was not sent. The next one gets its
// number. It returns false if the datagram has expired meanwhile.
func (f *datagrams) cancel() bool {
	last := len(f.pending) - 1
	if last < 0 || f.pending[last] == nil {
		return false
	}
	f.release(f.pending[last])
	f.pending = f.pending[:last]
	return true
}

// startOf returns the position in the content of what follows the header. Datagrams
// with neighbouring numbers, or of neighbouring sockets, differ.
func (f *datagrams) startOf(number uint64) uint64 { return uint64(f.conn)*65537 + number*1021 }

// arrival says what an arriving datagram is.
type arrival struct {
	kind      arrivalKind
	due       int64 // of the message that an answer or a corrupt one ends
	size      int   // of that message
	reordered bool  // a datagram with a higher number was answered before
	wrong     *Wrong
}

type arrivalKind uint8

const (
	arrivalAnswer    arrivalKind = iota // the first answer to a pending datagram
	arrivalCorrupt                      // the same with other bytes than were sent, or another length
	arrivalDuplicate                    // another answer to one that was answered, or came back corrupt
	arrivalLate                         // to one that had expired, as far as that is remembered
	arrivalForeign                      // to none of this socket
)

// receive says what p is. An answer, and a corrupt one, take its datagram off the pending ones.
func (f *datagrams) receive(p []byte) arrival {
	if len(p) < headerSize || binary.BigEndian.Uint32(p) != f.tag {
		return f.foreign(p, 0, "the datagram that was sent")
	}
	if conn := binary.BigEndian.Uint32(p[4:]); conn != uint32(f.conn) {
		return f.foreign(p, 4, "this socket's number")
	}
	number := binary.BigEndian.Uint64(p[8:])
	if number >= f.count() {
		return f.foreign(p, 8, "a number that had been sent")
	}
	reordered := number+1 < f.highest
	f.highest = max(f.highest, number+1)
	switch {
	case number < f.first && f.hasExpired(number):
		return arrival{kind: arrivalLate}
	case number < f.first || f.pending[number-f.first] == nil:
		return arrival{kind: arrivalDuplicate}
	}
	d := f.pending[number-f.first]
	a := arrival{arrivalAnswer, d.due, d.size, reordered, f.compare(p, number, d.size)}
	if a.wrong != nil {
		a.kind = arrivalCorrupt
	}
	f.pending[number-f.first] = nil
	f.release(d)
	f.skipAnswered()
	return a
}

// foreign says what a datagram is whose header is not one of this socket's, from that
// offset on. The socket is connected, so the service sent it: it is a late answer to
// another run, or not an echo.
func (f *datagrams) foreign(p []byte, offset int, want string) arrival {
	late := offset == 0 && len(p) >= headerSize
	if late || !f.verify {
		return arrival{kind: arrivalForeign}
	}
	return arrival{kind: arrivalForeign, wrong: &Wrong{f.conn, int64(offset), excerpt(p[offset:]), want}}
}

func (f *datagrams) compare(p []byte, number uint64, size int) *Wrong {
	if len(p) != size {
		return &Wrong{f.conn, int64(min(len(p), size)), fmt.Sprintf("%d bytes", len(p)), fmt.Sprintf("%d bytes", size)}
	}
	if !f.verify {
		return nil
	}
	if i := f.content.differ(f.startOf(number), p[headerSize:]); i >= 0 {
		want := f.content.at(f.startOf(number)+uint64(i), int64(size-headerSize-i))
		return &Wrong{f.conn, int64(headerSize + i), excerpt(p[headerSize+i:]), excerpt(want)}
	}
	return nil
}

// expire removes one datagram that was sent before that time, if there is one.
func (f *datagrams) expire(before int64) (due int64, ok bool) {
	if len(f.pending) == 0 || f.pending[0].sent >= before {
		return 0, false
	}
	d := f.pending[0]
	f.release(d)
	f.removeFirst(true)
	f.skipAnswered()
	return d.due, true
}

func (f *datagrams) release(d *datagram) {
	f.free = append(f.free, d)
	f.inFlight--
}

// skipAnswered removes the answered datagrams at the front of pending.
func (f *datagrams) skipAnswered() {
	for len(f.pending) > 0 && f.pending[0] == nil {
		f.removeFirst(false)
	}
}

func (f *datagrams) removeFirst(expired bool) {
	word, bit := f.first/64%uint64(len(f.expired)), uint64(1)<<(f.first%64)
	if f.expired[word] &^= bit; expired {
		f.expired[word] |= bit
	}
	f.pending[0] = nil
	f.pending, f.first = f.pending[1:], f.first+1
}

// hasExpired reports whether a datagram before the first pending one expired, as far
// as that is remembered. An answer to it is late, and not a duplicate.
func (f *datagrams) hasExpired(number uint64) bool {
	return f.first-number > remembered || f.expired[number/64%uint64(len(f.expired))]&(1<<(number%64)) != 0
}
