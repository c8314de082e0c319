package enginetest

import (
	"time"

	"echod/internal/engine"
)

// stall connects n peers that send as much as fits and never read.
func (t trial) stall(s *server, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = t.dialNarrow(s)
		peers[i].flood(64 << 20)
	}
	return peers
}

// owe connects a peer that sends little by little, until the server whose books
// stats tells owes it something, and then no more: an engine that takes bytes
// into its memory leaves nothing unread in the kernel. Nobody else may be
// sending to that server yet.
func (t trial) owe(to target, stats func() engine.Stats) *peer {
	t.Helper()
	const sip, looks = 4 << 10, 100
	p := t.dialNarrow(to)
	before := stats().BytesOut
	for look := 0; look < looks; look++ {
		if stats().BytesOut-before == uint64(p.sent.Load()) {
			p.send(sip)
			look = 0
		}
		time.Sleep(time.Millisecond)
	}
	return p
}

// crowd is how many connections a case may open, both ends of which are in this
// process: at most n, and not so many that the engine runs out of descriptors
// that it can wait for.
func (t trial) crowd(n int) int {
	if most := t.engine.Caps().MaxFD; most > 0 {
		return min(n, most*2/5)
	}
	return n
}
