package accept

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Slots limits the number of open connections: each connection has a slot. All
// listeners of a process share one Slots. Its methods may be called from any
// goroutine.
type Slots struct {
	max        int64
	perAddress int
	inUse      atomic.Int64
	wanted     atomic.Bool // an Acquire has failed since the last call of onRelease

	mu        sync.Mutex
	onRelease []func()
	ofAddress map[netip.Prefix]int
}

// NewSlots returns max free slots, of which the connections of one address may have
// perAddress (an IPv6 address is counted by its /64). A perAddress of 0 means that
// there is no limit for an address.
func NewSlots(max, perAddress int) *Slots {
	return &Slots{max: int64(max), perAddress: perAddress, ofAddress: make(map[netip.Prefix]int)}
}

// Max returns the number of slots.
func (s *Slots) Max() int { return int(s.max) }

// InUse returns the number of slots that are in use.
func (s *Slots) InUse() int { return int(s.inUse.Load()) }

// OnRelease registers f, which is called when a slot is released after an Acquire
// has failed. It runs on the goroutine that calls Release and must not block.
func (s *Slots) OnRelease(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRelease = append(s.onRelease, f)
}

// Acquire takes a slot and reports whether one was free. Release gives it back.
func (s *Slots) Acquire() bool {
	if s.tryAcquire() {
		return true
	}
	// A Release from here on sees wanted. A Release just before did not, so try once
	// more.
	s.wanted.Store(true)
	return s.tryAcquire()
}

func (s *Slots) tryAcquire() bool {
	for {
		n := s.inUse.Load()
		if n >= s.max {
			return false
		}
		if s.inUse.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives back a slot. It panics if no slot is in use.
func (s *Slots) Release() {
	if s.inUse.Add(-1) < 0 {
		panic("accept: a slot was released twice")
	}
	if s.wanted.Load() && s.wanted.Swap(false) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, f := range s.onRelease {
			f()
		}
	}
}

// PerAddress reports whether there is a limit for each address.
func (s *Slots) PerAddress() bool { return s.perAddress > 0 }

// AcquireFor counts one more connection of address. It returns false and counts
// nothing if the address is at its limit. It always returns true if there is no
// limit for an address, and for an invalid address: a unix socket has none.
func (s *Slots) AcquireFor(address netip.Addr) bool {
	if !s.PerAddress() || !address.IsValid() {
		return true
	}
	key := hostOf(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ofAddress[key] >= s.perAddress {
		return false
	}
	s.ofAddress[key]++
	return true
}

// ReleaseFor reverses an AcquireFor that returned true.
func (s *Slots) ReleaseFor(address netip.Addr) {
	if !s.PerAddress() || !address.IsValid() {
		return
	}
	key := hostOf(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ofAddress[key]--; s.ofAddress[key] <= 0 {
		delete(s.ofAddress, key)
	}
}

// hostOf returns the prefix that counts as one host: an IPv4 address, or the IPv6 /64
// in which a host may choose its own addresses.
func hostOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits)
	return prefix
}
