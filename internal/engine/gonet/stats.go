package gonet

import (
	"context"
	"time"

	"echod/internal/engine"
)

// A connection counts its bytes in c.stream and stores copies in c.in and c.out. A
// counter that all connections share would be contended by all processors for every
// message.

// bytes returns how many bytes c has received and sent. It loads out first, so out is
// never greater than in.
func (c *conn) bytes() (in, out uint64) {
	out = c.out.Load()
	return c.in.Load(), out
}

// Stats adds the bytes of open connections to the counters, which have those of closed
// ones. While it holds mu, no connection is opened or closed, so each is counted once.
func (s *server) Stats() engine.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.count.Stats()
	for _, c := range s.caches {
		stats.Held += uint64(c.Held())
	}
	for c := range s.conns {
		in, out := c.bytes()
		stats.BytesIn += in
		stats.BytesOut += out
	}
	return stats
}

// Peers looks at every connection. It does not wait, so it does not need its context.
func (s *server) Peers(_ context.Context, n int) ([]engine.Peer, error) {
	top := engine.NewTopPeers(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		in, out := c.bytes()
		top.Add(&engine.Peer{
			ID:       engine.StreamID(c.number, -1), // number alone is unique
			Addr:     c.addr(),
			Network:  c.network(),
			BytesIn:  in,
			BytesOut: out,
			Owed:     in - out,
			Waiting:  s.clock.waiting(&c.lastMove),
		})
	}
	return top.Peers(), nil
}

func (c *conn) network() string {
	_, tls := c.transport.(*tlsConn)
	switch {
	case tls:
		return "tls"
	case c.addr().IsValid():
		return "tcp"
	}
	return "unix"
}

// waiting returns how long bytes have been owed of which none moved, in whole ticks; 0
// if none are owed, or if the clock stands still because there are no timeouts.
func (k *clock) waiting(m *lastMove) time.Duration {
	since, owing := m.get()
	if !owing {
		return 0
	}
	return time.Duration(k.now.Load()-since) * k.tick
}
