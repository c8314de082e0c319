package engine

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Limits are the limits of a whole process. The zero value means the defaults.
type Limits struct {
	// MaxConns is how many streams may be open at once; at the limit listeners
	// rest and the kernel's backlog waits. 0 means the descriptors the process
	// may have, less SpareFDs.
	MaxConns int
	// MaxConnsPerIP is how many of them one address may have, IPv6 counted by
	// /64. Over it a stream is reset on arrival. 0 means no such limit.
	MaxConnsPerIP int
	// MaxMemory is how many bytes of owed data user memory may hold for all
	// streams together. Default 256 MiB. When it is used up, engines leave the
	// bytes in the kernel.
	MaxMemory int64
}

const (
	// DefaultMaxMemory is Limits.MaxMemory's default.
	DefaultMaxMemory = 256 << 20
	// SpareFDs are left of the process's descriptors for everything that is
	// no stream: listeners, pollers, logs.
	SpareFDs = 64
)

// Budget is what is left of the Limits. All engines of a process share one; its
// methods may be called from any goroutine.
type Budget struct {
	limits Limits
	conns  atomic.Int64
	memory atomic.Int64

	mu    sync.Mutex
	perIP map[netip.Prefix]int
}

// NewBudget returns a budget of which nothing is used.
func NewBudget(l Limits) *Budget {
	if l.MaxConns == 0 {
		l.MaxConns = max(maxDescriptors()-SpareFDs, 1)
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = DefaultMaxMemory
	}
	return &Budget{limits: l, perIP: make(map[netip.Prefix]int)}
}

// Limits are the limits in force, defaults filled in.
func (b *Budget) Limits() Limits { return b.limits }

// Open takes a place for one more stream. False: there is none, so accept
// nothing. A place is given back by Close.
func (b *Budget) Open() bool {
	if b.conns.Add(1) > int64(b.limits.MaxConns) {
		b.conns.Add(-1)
		return false
	}
	return true
}

// Close gives back the place that Open took.
func (b *Budget) Close() { b.conns.Add(-1) }

// Enter counts one more stream from peer. False: the address has its share, so
// reset it. Without MaxConnsPerIP, and for a peer without an address (unix), it
// is free and always true.
func (b *Budget) Enter(peer netip.Addr) bool {
	if b.limits.MaxConnsPerIP == 0 || !peer.IsValid() {
		return true
	}
	key := shareOf(peer)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perIP[key] >= b.limits.MaxConnsPerIP {
		return false
	}
	b.perIP[key]++
	return true
}

// Leave takes back what a successful Enter counted.
func (b *Budget) Leave(peer netip.Addr) {
	if b.limits.MaxConnsPerIP == 0 || !peer.IsValid() {
		return
	}
	key := shareOf(peer)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perIP[key]--; b.perIP[key] <= 0 {
		delete(b.perIP, key)
	}
}

// Take reserves n bytes of memory for owed data. False: there are not so many.
func (b *Budget) Take(n int) bool {
	if b.memory.Add(int64(n)) > b.limits.MaxMemory {
		b.memory.Add(int64(-n))
		return false
	}
	return true
}

// Give returns what Take reserved.
func (b *Budget) Give(n int) { b.memory.Add(int64(-n)) }

// Memory is how many bytes are reserved now.
func (b *Budget) Memory() int64 { return b.memory.Load() }

// shareOf is the prefix that shares one allowance: a single IPv4 address, or
// the /64 that one IPv6 host may move about in.
func shareOf(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap().WithZone("")
	bits := 32
	if peer.Is6() {
		bits = 64
	}
	prefix, _ := peer.Prefix(bits)
	return prefix
}
