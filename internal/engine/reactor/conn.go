//go:build linux

package reactor

import (
	"sync/atomic"

	"echod/internal/echo"
	"echod/internal/memory"
	"echod/internal/poll"
)

// conn is the state of one connection: 64 bytes, one cache line. A connection that is
// owed nothing uses no other memory of this process. A conn belongs to one loop.
type conn struct {
	stream   echo.Stream
	held     *memory.Buffer // the owed bytes; nil if there are none
	deadline int64          // in nanoseconds; 0 for never
	prev     int32          // neighbours in its connList, by descriptor; none at the ends
	next     int32
	fd       int32
	gen      uint32          // the generation: a new one at each start and stop; odd while open
	movedAt  uint32          // when bytes last moved, by loop.milliseconds; unused while reading
	opened   uint32          // when the loop got it, by loop.hundredths
	want     poll.Conditions // what the poller watches for; 0 while it does not watch
	list     uint8           // the index in loop.lists
	phase    phase
	unix     bool
}

// phase is what a connection waits for.
type phase uint8

const (
	reading   phase = iota // the peer's next bytes
	writing                // room for owed bytes
	finishing              // acknowledgement: all bytes and the FIN are sent
)

// open reports whether the connection is alive. The events of a connection that has
// ended carry an old generation.
func (c *conn) open() bool { return c.gen&1 == 1 }

// start makes c a new connection on descriptor fd.
func (c *conn) start(fd int, unix bool) {
	*c = conn{fd: int32(fd), gen: c.gen + 1, want: poll.Readable, unix: unix, prev: none, next: none}
}

// stop ends the generation.
func (c *conn) stop() { c.gen++ }

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

// chunk has the connections of chunkSize descriptors.
type chunk [chunkSize]conn

// table has the connections of a server, by descriptor. The kernel assigns the lowest
// free descriptor, so the table has few gaps. It grows by whole chunks, which never
// move, and never shrinks: its size follows the highest number of connections that
// were open at once.
//
// Only the loop that accepts may grow it. Any loop may look up the connections that it
// was given.
type table struct {
	chunks atomic.Pointer[[]*chunk]
}

func newTable() *table {
	t := &table{}
	t.chunks.Store(&[]*chunk{})
	return t
}

// at returns the entry of fd. grow must have made it.
func (t *table) at(fd int32) *conn {
	return &(*t.chunks.Load())[fd>>chunkBits][fd&(chunkSize-1)]
}

// grow makes the entry of fd if there is none. Other loops may be reading the list of
// chunks, so grow replaces the list and does not change it.
func (t *table) grow(fd int) {
	old := *t.chunks.Load()
	if fd>>chunkBits < len(old) {
		return
	}
	longer := append(make([]*chunk, 0, fd>>chunkBits+1), old...)
	for len(longer) <= fd>>chunkBits {
		longer = append(longer, new(chunk))
	}
	t.chunks.Store(&longer)
}

// none is the descriptor that ends a connList.
const none int32 = -1

// connList is a list of connections in the order of their deadlines. All connections
// on one list get the same time, so the one that was appended last is due last, and
// the first one is due first. The links are in the connections: a list allocates
// nothing.
type connList struct {
	table      *table
	head, tail int32
}

func newConnList(t *table) connList { return connList{table: t, head: none, tail: none} }

// append puts c at the end.
func (d *connList) append(c *conn) {
	c.prev, c.next = d.tail, none
	if d.tail == none {
		d.head = c.fd
	} else {
		d.table.at(d.tail).next = c.fd
	}
	d.tail = c.fd
}

// remove takes c out, at whatever position it is.
func (d *connList) remove(c *conn) {
	if c.prev == none {
		d.head = c.next
	} else {
		d.table.at(c.prev).next = c.next
	}
	if c.next == none {
		d.tail = c.prev
	} else {
		d.table.at(c.next).prev = c.prev
	}
}

// first returns the connection that is due first, or nil if the list is empty.
func (d *connList) first() *conn {
	if d.head == none {
		return nil
	}
	return d.table.at(d.head)
}
