package engine

import (
	"sync/atomic"

	"echod/internal/accept"
	"echod/internal/echo"
)

// Stats is what a server has done so far. Every count only grows; Active,
// Finishing and Held are what is now.
type Stats struct {
	Active    uint64 // streams open now
	Finishing uint64 // of these, streams that have sent everything to a peer that has not taken all of it
	Held      uint64 // bytes of user memory that buffers hold now
	Accepted  uint64 // streams taken in, refused ones included

	BytesIn   uint64 // received on streams
	BytesOut  uint64 // sent back on streams
	Discarded uint64 // received, and lost with a reset; In = Out + Discarded + owed now

	Closes     [numCauses]uint64         // streams ended, by Cause
	Refused    [numRefusals]uint64       // streams reset on arrival, by Refusal
	Accepts    [accept.NumReasons]uint64 // callers not accepted and pauses, by accept.Reason
	Handshakes [numHandshakes]uint64     // TLS handshakes ended, by Handshake

	DatagramsIn  uint64
	DatagramsOut uint64
	Drops        [echo.NumDrops]uint64 // datagrams not answered, by echo.Drop
	// DatagramErrors is how often a datagram socket could not be read.
	DatagramErrors uint64

	Loops []LoopStats // one for each event loop; none if the engine has none
}

// LoopStats tells how one event loop is doing.
type LoopStats struct {
	Turns  uint64 // times it looked for events
	Active uint64 // streams it serves now
}

// Add adds o to s, loops appended: the sum of two servers.
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

// Reset is how many streams ended by a reset of ours or of the peer's.
func (s *Stats) Reset() uint64 {
	var n uint64
	for c, count := range s.Closes {
		if Cause(c) != Finished {
			n += count
		}
	}
	return n
}

// Counters are Stats in the making: an engine keeps one, or one for each loop,
// and counts as it goes. Any goroutine may count and read.
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

// Stats is what was counted so far, without Held and Loops.
//
// It is no instant: engines go on counting. The order makes one thing sure. A
// stream is Active before it is counted as Accepted, and has its cause before it
// is no longer Active; they are read in that order, so a stream that is Accepted
// and not Active shows its end.
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
