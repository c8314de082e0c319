package gonet

import (
	"sync/atomic"

	"echod/internal/engine"
)

// The books of a stream belong to its goroutine. A counter that all of them
// share would be fought over by the processors for every message; so each has a
// copy of its own for others to see, and whoever wants the sum adds up.

// copied is what came and what went.
type copied struct{ in, out atomic.Uint64 }

// see returns both. No more goes out than came in before.
func (k *copied) see() (in, out uint64) {
	out = k.out.Load()
	return k.in.Load(), out
}

// Stats adds up what those did who are gone and those who are here. Nobody comes
// or goes meanwhile: a stream is in the sum, once, from its start on.
func (s *server) Stats() engine.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.count.Stats()
	stats.Held = uint64(s.held())
	for c := range s.conns {
		in, out := c.copied.see()
		stats.BytesIn += in
		stats.BytesOut += out
	}
	return stats
}

// leave takes c from those that Shutdown would reset, and into the books of
// those who are gone.
func (s *server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.count.BytesIn.Add(c.stream.In())
	s.count.BytesOut.Add(c.stream.Out())
}
