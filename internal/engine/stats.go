package engine

import (
	"sync/atomic"

	"echod/internal/accept"
	"echod/internal/echo"
)

// Stats is a snapshot of what a server has done. Active, Finishing and Held are
// current values; all other numbers only grow.
type Stats struct {
	Active    uint64 // streams that are open
	Finishing uint64 // of these, streams whose peer has not acknowledged the last bytes
	Held      uint64 // bytes in buffers that are in use
	Accepted  uint64 // connections accepted, refused ones included

	BytesIn   uint64 // received on streams
	BytesOut  uint64 // sent back on streams
	Discarded uint64 // received, and lost in a reset: BytesIn = BytesOut + Discarded + owed bytes

	Closes     [numCauses]uint64         // streams ended, by Cause
	Refused    [numRefusals]uint64       // connections reset right after accept, by Refusal
	Accepts    [accept.NumReasons]uint64 // accept errors and pauses, by accept.Reason
	Handshakes [numHandshakes]uint64     // TLS handshakes ended, by Handshake

	DatagramsIn  uint64
	DatagramsOut uint64
	Drops        [echo.NumDrops]uint64 // datagrams not answered, by echo.Drop
	// DatagramErrors counts failed reads of datagram sockets.
	DatagramErrors uint64

	Loops []LoopStats // one for each event loop; none if the engine has none
}

// LoopStats are the numbers of one event loop.
type LoopStats struct {
	Turns  uint64 // iterations: how often it asked for events
	Active uint64 // streams that it serves now
}

// Add adds the numbers of another server, o, to s. It appends the loops of o.
func (s *Stats) Add(o Stats) {
	s.Active += o.Active
	s.Finishing += o.Finishing
	s.Held += o.Held
	s.Accepted += o.Accepted
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	s.Discarded += o.Discarded
	s.DatagramsIn += o.DatagramsIn
	s.DatagramsOut += o.DatagramsOut
	s.DatagramErrors += o.DatagramErrors
	for i := range s.Closes {
		s.Closes[i] += o.Closes[i]
	}
	for i := range s.Refused {
		s.Refused[i] += o.Refused[i]
	}
	for i := range s.Accepts {
		s.Accepts[i] += o.Accepts[i]
	}
	for i := range s.Handshakes {
		s.Handshakes[i] += o.Handshakes[i]
	}
	for i := range s.Drops {
		s.Drops[i] += o.Drops[i]
	}
	s.Loops = append(s.Loops, o.Loops...)
}

// Reset returns how many streams ended with a reset, by us or by the peer.
func (s *Stats) Reset() uint64 {
	var n uint64
	for c, count := range s.Closes {
		if Cause(c) != Finished {
			n += count
		}
	}
	return n
}

// Counters are the atomic counters from which Stats are read. An engine has one
// set, or one for each loop. Any goroutine may use them.
type Counters struct {
	Active    atomic.Int64
	Finishing atomic.Int64
	Accepted  atomic.Uint64

	BytesIn   atomic.Uint64
	BytesOut  atomic.Uint64
	Discarded atomic.Uint64

	Closes     [numCauses]atomic.Uint64
	Refused    [numRefusals]atomic.Uint64
	Accepts    [accept.NumReasons]atomic.Uint64
	Handshakes [numHandshakes]atomic.Uint64

	DatagramsIn  atomic.Uint64
	DatagramsOut atomic.Uint64
	Drops        [echo.NumDrops]atomic.Uint64

	DatagramErrors atomic.Uint64
}

// Stats returns a snapshot of the counters, without Held and Loops.
//
// Engines go on counting while it reads, so the order of reads matters. A stream
// becomes Active before it is counted as Accepted, and its cause is counted before
// it ceases to be Active. Accepted is read first, then Active, then the causes. So
// for every stream that is Accepted and not Active, the snapshot has the cause.
func (c *Counters) Stats() Stats {
	accepted := c.Accepted.Load()
	s := Stats{
		Accepted:     accepted,
		Active:       uint64(max(c.Active.Load(), 0)),
		Finishing:    uint64(max(c.Finishing.Load(), 0)),
		BytesIn:      c.BytesIn.Load(),
		BytesOut:     c.BytesOut.Load(),
		Discarded:    c.Discarded.Load(),
		DatagramsIn:  c.DatagramsIn.Load(),
		DatagramsOut: c.DatagramsOut.Load(),

		DatagramErrors: c.DatagramErrors.Load(),
	}
	for i := range c.Closes {
		s.Closes[i] = c.Closes[i].Load()
	}
	for i := range c.Refused {
		s.Refused[i] = c.Refused[i].Load()
	}
	for i := range c.Accepts {
		s.Accepts[i] = c.Accepts[i].Load()
	}
	for i := range c.Handshakes {
		s.Handshakes[i] = c.Handshakes[i].Load()
	}
	for i := range c.Drops {
		s.Drops[i] = c.Drops[i].Load()
	}
	return s
}
