package gonet

import (
	"context"
	"sync/atomic"
	"time"

	"echod/internal/engine"
)

// streams counts the connections of the process: a connection's number is what
// tells it from others, for which a descriptor would have to be asked.
var streams atomic.Uint32

// noDescriptor is in the IDs of streams that are told apart by number alone.
const noDescriptor = -1

// Peers looks at every connection, while none can come or go. The context is not
// needed: there is nobody to wait for.
func (s *server) Peers(_ context.Context, n int) ([]engine.Peer, error) {
	ranking := engine.NewTopPeers(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		p := c.seen()
		ranking.Add(&p)
	}
	return ranking.Peers(), nil
}

// seen is what others see of c.
func (c *conn) seen() engine.Peer {
	in, out := c.copied.see()
	return engine.Peer{
		ID:       engine.StreamID(c.number, noDescriptor),
		Addr:     c.addr,
		Network:  c.network(),
		BytesIn:  in,
		BytesOut: out,
		Owed:     in - out,
		Waiting:  c.server.clock.waiting(&c.moved),
	}
}

func (c *conn) network() string {
	_, tls := c.peer.(*secure)
	switch {
	case tls:
		return "tls"
	case c.addr.IsValid():
		return "tcp"
	}
	return "unix"
}

// waiting is how long bytes have been owed of which none moved, to the tick; 0
// if none are. A clock that stands still, for lack of timeouts, tells nothing.
func (k *clock) waiting(m *moment) time.Duration {
	since, owing := m.get()
	if !owing {
		return 0
	}
	return time.Duration(k.now.Load()-since) * k.period
}
