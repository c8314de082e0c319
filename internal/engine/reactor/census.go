//go:build linux

package reactor

import (
	"context"
	"net/netip"

	"echod/internal/engine"
)

// Peers asks every loop, all at the same time, and picks from what they tell.
func (s *server) Peers(ctx context.Context, n int) ([]engine.Peer, error) {
	ranking := engine.NewTopPeers(n)
	for _, c := range s.takeCensus(n) {
		select {
		case <-c.taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		for i := range c.peers {
			ranking.Add(&c.peers[i])
		}
	}
	return ranking.Peers(), nil
}

// census is what one loop tells of its streams, once taken is closed.
type census struct {
	peers []engine.Peer
	taken <-chan struct{}
}

func (s *server) takeCensus(n int) []*census {
	all := make([]*census, len(s.loops))
	for i, l := range s.loops {
		c := &census{}
		c.taken = l.mail.ask(func() { c.peers = l.census(n) })
		all[i] = c
	}
	return all
}

// census walks over the loop's connections, and asks the kernel only for the
// names of those few that are to be shown.
func (l *loop) census(n int) []engine.Peer {
	ranking := engine.NewTopPeers(n)
	for i := range l.lists {
		for fd := l.lists[i].head; fd != none; {
			c := l.table.at(fd)
			if ranking.Wants(c.stream.In()+c.stream.Out(), l.waiting(c)) {
				p := l.describe(c)
				ranking.Add(&p)
			}
			fd = c.newer
		}
	}
	peers := ranking.Peers()
	for i, p := range peers {
		if p.Network == "tcp" {
			peers[i].Addr = l.addrOf(engine.Descriptor(p.ID))
		}
	}
	return peers
}

// describe is c as others see it, but for its name.
func (l *loop) describe(c *conn) engine.Peer {
	p := engine.Peer{
		ID:       engine.StreamID(c.gen, int(c.fd)),
		Network:  "tcp",
		BytesIn:  c.stream.In(),
		BytesOut: c.stream.Out(),
		Owed:     uint64(c.stream.Owed() + l.undelivered[c.fd]),
		Waiting:  l.waiting(c),
	}
	if c.unix {
		p.Network = "unix"
	}
	return p
}

// addrOf is where the connection came from. One that was reset has no such
// address any more.
func (l *loop) addrOf(fd int) netip.AddrPort {
	if errno := l.k.Getpeername(fd, &l.peer); errno != 0 {
		return netip.AddrPort{}
	}
	addr := addrOf(&l.peer)
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
