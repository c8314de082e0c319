package load

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// headerSize is what each datagram begins with: 4 bytes that tell this run from
// another, 4 of the socket's number, 8 of the datagram's.
const headerSize = 16

// datagramFlow is the datagrams of one socket with the I/O left out. It is for
// one goroutine at a time.
type datagramFlow struct {
	content *content
	verify  bool
	run     uint32 // this run
	conn    int

	first   uint64      // the number of pending[0]
	pending []*datagram // in the order they left; nil for those that are back
	room    []*datagram // where pending lies
	free    []*datagram
	highest uint64 // the highest number that came back, plus one
	lost    [8]uint64
}

// datagram is one under way.
type datagram struct {
	due, left int64 // ns: when it should have left, and when it did
	size      int
}

// seqs is of how many datagrams before the first pending one it is remembered
// whether they were given up.
const seqs = uint64(len(datagramFlow{}.lost) * 64)

// push writes the next datagram, of size bytes, into buf and returns it.
func (f *datagramFlow) push(buf []byte, due, now int64, size int) []byte {
	d := f.spare()
	*d = datagram{due, now, size}
	seq := f.sent()
	f.enqueue(d)
	return f.write(buf[:size], seq)
}

// sent returns how many datagrams there have been, and so the number of the next.
func (f *datagramFlow) sent() uint64 { return f.first + uint64(len(f.pending)) }

// enqueue puts d at the end of pending. What has left the front makes room for
// it: a window that only moves allocates nothing.
func (f *datagramFlow) enqueue(d *datagram) {
	if n := len(f.pending); n == cap(f.pending) {
		if cap(f.room) < 2*n+1 {
			f.room = make([]*datagram, 0, 4*n+1)
		}
		f.pending = append(f.room, f.pending...)
	}
	f.pending = append(f.pending, d)
}

func (f *datagramFlow) write(p []byte, seq uint64) []byte {
	binary.BigEndian.PutUint32(p[0:], f.run)
	binary.BigEndian.PutUint32(p[4:], uint32(f.conn))
	binary.BigEndian.PutUint64(p[8:], seq)
	rest := p[headerSize:]
	copy(rest, f.content.at(f.begin(seq), int64(len(rest))))
	return p
}

// begin is where the rest of a datagram begins in the content: neighbours are
// never the same.
func (f *datagramFlow) begin(seq uint64) uint64 { return uint64(f.conn)*65537 + seq*1021 }

// arrival is what a datagram that came turned out to be.
type arrival struct {
	due       int64 // of the datagram that it answers; valid if it is fresh
	size      int
	fresh     bool // the first answer to one under way
	twice     bool // it was answered before
	reordered bool // one that left later came before
	stray     bool // none of ours
	wrong     *Wrong
}

// received takes one that came.
func (f *datagramFlow) received(p []byte) arrival {
	if len(p) < headerSize || binary.BigEndian.Uint32(p) != f.run {
		return f.foreign(p, 0, "the datagram that was sent")
	}
	if conn := binary.BigEndian.Uint32(p[4:]); conn != uint32(f.conn) {
		return f.foreign(p, 4, "this socket's number")
	}
	seq := binary.BigEndian.Uint64(p[8:])
	if seq >= f.sent() {
		return f.foreign(p, 8, "a number that had been sent")
	}
	reordered := seq+1 < f.highest
	f.highest = max(f.highest, seq+1)
	if seq < f.first {
		return arrival{twice: !f.wasLost(seq), reordered: false}
	}
	d := f.pending[seq-f.first]
	if d == nil {
		return arrival{twice: true}
	}
	if wrong := f.compare(p, seq, d.size); wrong != nil {
		return arrival{wrong: wrong}
	}
	f.pending[seq-f.first] = nil
	f.free = append(f.free, d)
	f.advance()
	return arrival{due: d.due, size: d.size, fresh: true, reordered: reordered}
}

// foreign is what does not begin as this socket's datagrams do, from that offset
// on. It comes from the service, for the socket is connected: another run's
// answer that is late, or no echo.
func (f *datagramFlow) foreign(p []byte, offset int, want string) arrival {
	late := offset == 0 && len(p) >= headerSize
	if late || !f.verify {
		return arrival{stray: true}
	}
	return arrival{wrong: &Wrong{f.conn, int64(offset), excerpt(p[offset:]), want}}
}

func (f *datagramFlow) compare(p []byte, seq uint64, size int) *Wrong {
	if len(p) != size {
		return &Wrong{f.conn, int64(min(len(p), size)), fmt.Sprintf("%d bytes", len(p)), fmt.Sprintf("%d bytes", size)}
	}
	if !f.verify {
		return nil
	}
	if i := f.content.differ(f.begin(seq), p[headerSize:]); i >= 0 {
		want := f.content.at(f.begin(seq)+uint64(i), int64(size-headerSize-i))
		return &Wrong{f.conn, int64(headerSize + i), excerpt(p[headerSize+i:]), excerpt(want)}
	}
	return nil
}

// expire gives up one datagram that left before then, if there is one.
func (f *datagramFlow) expire(then int64) (due int64, lost bool) {
	if len(f.pending) == 0 || f.pending[0].left >= then {
		return 0, false
	}
	d := f.pending[0]
	f.pending[0] = nil
	f.free = append(f.free, d)
	f.mark(f.first, true)
	f.pending, f.first = f.pending[1:], f.first+1
	f.advance()
	return d.due, true
}

// advance forgets those at the front that are back.
func (f *datagramFlow) advance() {
	for len(f.pending) > 0 && f.pending[0] == nil {
		f.mark(f.first, false)
		f.pending, f.first = f.pending[1:], f.first+1
	}
}

func (f *datagramFlow) mark(seq uint64, lost bool) {
	word, bit := seq/64%uint64(len(f.lost)), uint64(1)<<(seq%64)
	if f.lost[word] &^= bit; lost {
		f.lost[word] |= bit
	}
}

// wasLost reports whether a datagram before the first pending one was given up, as
// far as that is remembered. An answer to it is late, and no duplicate.
func (f *datagramFlow) wasLost(seq uint64) bool {
	return f.first-seq > seqs || f.lost[seq/64%uint64(len(f.lost))]&(1<<(seq%64)) != 0
}

func (f *datagramFlow) spare() *datagram {
	if n := len(f.free); n > 0 {
		d := f.free[n-1]
		f.free = f.free[:n-1]
		return d
	}
	return new(datagram)
}

// runTag is a number that tells this run's datagrams from another's. It is not
// the seed's: a run that is repeated is another run.
func runTag() uint32 { return rand.Uint32() }
