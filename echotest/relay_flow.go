package echotest

import (
	"crypto/tls"
	"sync/atomic"
	"time"
)

// relay is the state that all connections of a relay share.
type relay struct {
	path    Path
	address string          // of the server
	tls     *tls.Config     // of the client's side; nil without TLS
	moved   [3]atomic.Int64 // bytes received for each Direction
	pacers  [3]pacer
}

// flow is one direction of one connection, or of the datagrams of one client. It
// decides which faults apply. The decisions depend on the seed and on what is received
// in this direction, except for WhileBusy, EveryBytes and times.
type flow struct {
	relay     *relay
	conn      int // number of the connection or client
	direction Direction
	start     time.Time
	pipe      *pipe
	other     *flow // the other direction

	spoke  atomic.Bool // something was received: bytes or a FIN
	bytes  int64       // received
	chunks int         // received
	fin    atomic.Bool // received
}

// newFlows returns the two directions of connection n.
func (r *relay) newFlows(n, window int) (toServer, toClient *flow) {
	start := time.Now()
	toServer = &flow{relay: r, conn: n, direction: ToServer, start: start, pipe: newPipe(r.path.ToServer, window, &r.pacers[ToServer])}
	toClient = &flow{relay: r, conn: n, direction: ToClient, start: start, pipe: newPipe(r.path.ToClient, window, &r.pacers[ToClient])}
	toServer.other, toClient.other = toClient, toServer
	return toServer, toClient
}

func (f *flow) way() Way { return f.pipe.way }

// faults calls yield for each fault of this flow at an event that is not OnData.
func (f *flow) faults(on Event) func(yield func(PathFault) bool) {
	return func(yield func(PathFault) bool) {
		for i, fault := range f.relay.path.Faults {
			if fault.On == on && f.chosen(i, fault) && (!fault.Second || f.other.fin.Load()) && !yield(fault) {
				return
			}
		}
	}
}

// chosen reports whether fault i is one of this connection and direction.
func (f *flow) chosen(i int, fault PathFault) bool {
	return (fault.Direction == Both || fault.Direction == f.direction) &&
		fault.Conns.has(f.conn, f.relay.path.Seed, uint64(i), uint64(f.conn))
}

// effect is what all faults together do to a chunk.
type effect struct {
	data      []byte
	hold      time.Duration
	drop      bool
	duplicate bool
	reorder   bool
	otherPort bool
	stop      Action // Hang, Close or Reset; 0 to continue
}

// apply counts a chunk and returns the effect of the faults. It may change the chunk.
func (f *flow) apply(chunk []byte) effect {
	e := effect{data: chunk}
	size := int64(len(chunk))
	before := f.bytes
	beforeOfAll := f.relay.moved[f.direction].Add(size) - size
	f.bytes += size
	f.chunks++
	for i, fault := range f.relay.path.Faults {
		if fault.On != OnData || !f.chosen(i, fault) || !f.meetsConditions(i, fault, len(chunk)) {
			continue
		}
		at := size / 2 // the byte that ChangeByte changes
		switch {
		case fault.Offset > 0:
			at = fault.Offset - before
		case fault.EveryBytes > 0:
			at = fault.EveryBytes - 1 - beforeOfAll%fault.EveryBytes
		}
		if (fault.Offset > 0 || fault.EveryBytes > 0) && (at < 0 || at >= size) {
			continue // the chunk does not have this byte
		}
		switch fault.Do {
		case Drop:
			e.drop = true
		case ChangeByte:
			if size > 0 {
				chunk[at] ^= 0x55
			}
		case AnswerOK:
			e.data = []byte("OK")
		case Delay:
			e.hold += fault.After
		case Duplicate:
			e.duplicate = true
		case Reorder:
			e.reorder = true
		case FromAnotherPort:
			e.otherPort = true
		case Hang, Close, Reset:
			e.stop = fault.Do
		}
	}
	return e
}

// meetsConditions reports whether a chunk of size bytes, which is counted already, meets
// the conditions of fault i that are not about a single byte.
func (f *flow) meetsConditions(i int, fault PathFault, size int) bool {
	seed, number := f.relay.path.Seed, f.chunks
	return fault.Chunks.has(number, seed, uint64(i), uint64(f.conn), uint64(f.direction), uint64(number)) &&
		size >= fault.MinSize && (fault.MaxSize == 0 || size <= fault.MaxSize) &&
		(!fault.OddSize || size%2 == 1) &&
		(!fault.WhileBusy || f.other.pipe.busy()) &&
		(fault.Do == Delay || time.Since(f.start) >= fault.After)
}

// has reports whether the selection chooses number n. The parts identify what is
// chosen from: equal parts give equal answers.
func (s Selection) has(n int, seed uint64, parts ...uint64) bool {
	switch {
	case s.nth > 0:
		return n == s.nth
	case s.from > 0:
		return n >= s.from
	case s.every > 0:
		return n%s.every == 0
	case s.chance > 0:
		return random(seed, parts) < s.chance
	}
	return true
}

// random returns a number from 0 up to 1 that depends on seed and parts only. It mixes
// them as SplitMix64 does (https://prng.di.unimi.it/splitmix64.c).
func random(seed uint64, parts []uint64) float64 {
	for _, part := range append([]uint64{0}, parts...) {
		seed += part + 0x9e3779b97f4a7c15
		seed = (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		seed = (seed ^ seed>>27) * 0x94d049bb133111eb
		seed ^= seed >> 31
	}
	return float64(seed>>11) / (1 << 53)
}
