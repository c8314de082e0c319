package accept

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Places is how many connections may be open at once. All listeners of a process
// share one. Its methods may be called from any goroutine.
type Places struct {
	max        int64
	perAddress int
	taken      atomic.Int64
	wanted     atomic.Bool // a Take has failed since the last wake

	mu     sync.Mutex
	wake   []func()
	shares map[netip.Prefix]int
}

// NewPlaces returns max free places, of which one address may have perAddress at
// once (IPv6 addresses are counted by their /64). A perAddress of 0 means no limit
// for an address.
func NewPlaces(max, perAddress int) *Places {
	return &Places{max: int64(max), perAddress: perAddress, shares: make(map[netip.Prefix]int)}
}

// Max returns how many places there are.
func (p *Places) Max() int { return int(p.max) }

// Taken returns how many places are taken now.
func (p *Places) Taken() int { return int(p.taken.Load()) }

// OnFree registers wake, to be called when a place has become free after a Take
// has failed. It is called on the goroutine that calls Free and must not block.
func (p *Places) OnFree(wake func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake = append(p.wake, wake)
}

// Take takes a place. It reports whether there was one. Free gives it back.
func (p *Places) Take() bool {
	if p.tryTake() {
		return true
	}
	// Whoever frees a place from here on sees wanted. Whoever freed one just
	// before did not, so look once more.
	p.wanted.Store(true)
	return p.tryTake()
}

func (p *Places) tryTake() bool {
	for {
		taken := p.taken.Load()
		if taken >= p.max {
			return false
		}
		if p.taken.CompareAndSwap(taken, taken+1) {
			return true
		}
	}
}

// Free gives back a place that Take has taken.
func (p *Places) Free() {
	if p.taken.Add(-1) < 0 {
		panic("accept: a place was given back twice")
	}
	if p.wanted.Load() && p.wanted.Swap(false) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, wake := range p.wake {
			wake()
		}
	}
}

// PerAddress reports whether there is a limit for each address.
func (p *Places) PerAddress() bool { return p.perAddress > 0 }

// Enter counts one more connection of address. It reports false, and counts
// nothing, if the address has its share already. Without a limit for each
// address, and for an invalid address (a unix socket has none), it is free and
// true.
func (p *Places) Enter(address netip.Addr) bool {
	if !p.PerAddress() || !address.IsValid() {
		return true
	}
	key := shareOf(address)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares[key] >= p.perAddress {
		return false
	}
	p.shares[key]++
	return true
}

// Leave takes back what a successful Enter has counted.
func (p *Places) Leave(address netip.Addr) {
	if !p.PerAddress() || !address.IsValid() {
		return
	}
	key := shareOf(address)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares[key]--; p.shares[key] <= 0 {
		delete(p.shares, key)
	}
}

// shareOf is the prefix that has one share: a single IPv4 address, or the /64 in
// which one IPv6 host may choose its addresses.
func shareOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits)
	return prefix
}
