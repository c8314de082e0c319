//go:build linux

package reactor

import (
	"context"
	"net/netip"

	"echod/internal/engine"
	"echod/internal/sys"
)

// Peers asks every loop at the same time and selects from their answers.
func (s *server) Peers(ctx context.Context, n int) ([]engine.Peer, error) {
	top := engine.NewTopPeers(n)
	for _, answer := range s.requestTopPeers(n) {
		select {
		case <-answer.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		for i := range answer.peers {
			top.Add(&answer.peers[i])
		}
	}
	return top.Peers(), nil
}

// topPeers is the answer of one loop. It is complete when done is closed.
type topPeers struct {
	peers []engine.Peer
	done  <-chan struct{}
}

func (s *server) requestTopPeers(n int) []*topPeers {
	answers := make([]*topPeers, len(s.loops))
	for i, l := range s.loops {
		answer := &topPeers{}
		answer.done = l.inbox.request(func() { answer.peers = l.topPeers(n) })
		answers[i] = answer
	}
	return answers
}

// topPeers selects from the loop's connections. It asks the kernel for the addresses of
// the selected ones only.
func (l *loop) topPeers(n int) []engine.Peer {
	top := engine.NewTopPeers(n)
	for i := range l.lists {
		for fd := l.lists[i].head; fd != none; {
			c := l.table.at(fd)
			if top.Wants(c.stream.In()+c.stream.Out(), l.waiting(c)) {
				p := l.describe(c)
				top.Add(&p)
			}
			fd = c.next
		}
	}
	peers := top.Peers()
	for i, p := range peers {
		if p.Network == "tcp" {
			peers[i].Addr = l.peerAddr(engine.Descriptor(p.ID))
		}
	}
	return peers
}

// describe returns c as an engine.Peer, without the address.
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

// peerAddr returns the address of a connection's peer; the zero value if the connection
// was reset.
func (l *loop) peerAddr(fd int) netip.AddrPort {
	if errno := l.k.Getpeername(fd, &l.sockaddr); errno != 0 {
		return netip.AddrPort{}
	}
	addr := sys.AddrPort(&l.sockaddr)
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
