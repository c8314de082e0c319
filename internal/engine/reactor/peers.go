//go:build linux

package reactor

import (
	"net/netip"
	"sync"

	"echod/internal/accept"
)

// peers remembers whose connection a descriptor is, for the limit on
// connections per address. It exists only where that limit is set, so that
// connections need not carry an address that nobody asks for.
type peers struct {
	slots *accept.Slots
	mu    sync.Mutex
	of    map[int]netip.Addr
}

func newPeers(p *accept.Slots) *peers {
	return &peers{slots: p, of: make(map[int]netip.Addr)}
}

// enter counts the connection; false says that the address has its share.
func (p *peers) enter(fd int, addr netip.Addr) bool {
	if !p.slots.AcquireFor(addr) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[fd] = addr
	return true
}

// leave takes back what enter counted; nothing, if it counted nothing.
func (p *peers) leave(fd int) {
	p.mu.Lock()
	addr, ok := p.of[fd]
	delete(p.of, fd)
	p.mu.Unlock()
	if ok {
		p.slots.ReleaseFor(addr)
	}
}
