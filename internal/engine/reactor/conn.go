//go:build linux

package reactor

import (
	"sync/atomic"

	"echod/internal/echo"
	"echod/internal/memory"
	"echod/internal/poll"
)

// conn is what is remembered of one connection: 64 bytes, one cache line, and
// all the user memory that an idle one costs. It belongs to one loop.
type conn struct {
	stream   echo.Stream
	held     *memory.Buffer // the bytes owed; nil while there are none
	deadline int64          // when it is due; 0 for never
	older    int32          // neighbours in its list, by descriptor; none at the ends
	newer    int32
	fd       int32
	gen      uint32          // which connection on this descriptor; odd while it is open
	movedAt  uint32          // unless reading: when bytes last moved, by loop.milliseconds
	want     poll.Conditions // what the poller watches for; 0 while it does not
	list     uint8           // the index in loop.lists
	phase    phase
	unix     bool
}

// phase is what a connection waits for.
type phase uint8

const (
	reading   phase = iota // the peer is owed nothing
	writing                // the peer is owed bytes that it has to make room for
	finishing              // all bytes are sent, and the kernel has not delivered them
)

// open reports whether the connection is alive. An event of one that has ended is
// stale: it finds another generation.
func (c *conn) open() bool { return c.gen&1 == 1 }

// start makes c a new connection on its descriptor.
func (c *conn) start(fd int, unix bool) {
	*c = conn{fd: int32(fd), gen: c.gen + 1, want: poll.Readable, unix: unix, older: none, newer: none}
}

// stop ends the generation.
func (c *conn) stop() { c.gen++ }

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

type chunk [chunkSize]conn

// table holds every connection of a server, found by descriptor. Descriptors
// are small and dense, so the table is too. It grows by whole chunks, which
// never move, and never shrinks: its size follows the most connections there
// were at once.
//
// Only the loop that accepts grows it. Any loop may look up what was handed to
// it.
type table struct {
	chunks atomic.Pointer[[]*chunk]
}

func newTable() *table {
	t := &table{}
	t.chunks.Store(&[]*chunk{})
	return t
}

// at returns the place of fd, which grow has made.
func (t *table) at(fd int32) *conn {
	return &(*t.chunks.Load())[fd>>chunkBits][fd&(chunkSize-1)]
}

// grow makes the place of fd if there is none. Others may be reading the list
// of chunks, so a longer one replaces it whole.
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
