//go:build linux

package reactor

import "echod/internal/memory"

// store is a loop's share of the process's memory for owed bytes.
//
// A loop receives only when it has reserved enough to hold everything that one
// receive can bring (ready). When there is not so much, the bytes stay in the
// kernel; see loop.pass. So memory never runs out after the bytes were taken
// from the peer, and no stream is reset for want of it. What is reserved and not
// needed is spare between two receives: whoever lacks memory takes it.
type store struct{ *memory.Cache }

func newStore(pool *memory.Pool, most int) store { return store{pool.NewCache(most)} }

// ready reserves the room for one receive, which done ends.
func (s store) ready() bool { return s.Reserve() }

// done ends what ready began.
func (s store) done() { s.Unreserve() }

// hold copies rest, which is owed, into a buffer. ready came before.
func (s store) hold(rest []byte) *memory.Buffer {
	b := s.Get(len(rest))
	b.Owed = b.Bytes[:copy(b.Bytes, rest)]
	return b
}

// release takes back a buffer whose bytes are sent or lost.
func (s store) release(b *memory.Buffer) { b.Release() }

// close gives everything back.
func (s store) close() { s.Close() }
