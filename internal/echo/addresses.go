package echo

import (
	"maps"
	"net/netip"
)

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// DefaultDeny are the ports below 1024. Simple services that answer any datagram use
// them (echo 7, daytime 13, qotd 17, chargen 19, time 37), and so do targets of attacks
// (dns 53, ntp 123). Clients of an echo service do not.
var DefaultDeny = []PortRange{{1, 1023}}

// portSet is a set of ports, one bit each. The zero portSet is empty.
type portSet [1 << 16 / 64]uint64

func (s *portSet) add(r PortRange) {
	for port := int(r.First); port <= int(r.Last); port++ {
		s[port/64] |= 1 << (port % 64)
	}
}

func (s *portSet) has(port uint16) bool { return s[port/64]>>(port%64)&1 != 0 }

// ownSet has the addresses that this process listens on. It is never changed, only
// replaced.
type ownSet struct {
	ports      portSet // of every listener: enough to tell most sources apart
	everywhere portSet // of listeners that are bound to every address
	exact      map[netip.AddrPort]struct{}
}

// with returns a copy of s with one more listener.
func (s *ownSet) with(addr netip.AddrPort) *ownSet {
	next := &ownSet{ports: s.ports, everywhere: s.everywhere, exact: maps.Clone(s.exact)}
	port := PortRange{addr.Port(), addr.Port()}
	next.ports.add(port)
	if addr.Addr().IsUnspecified() {
		next.everywhere.add(port)
		return next
	}
	if next.exact == nil {
		next.exact = make(map[netip.AddrPort]struct{})
	}
	next.exact[addr] = struct{}{}
	return next
}

// The broadcast addresses that every machine has: the limited one of RFC 919, and that
// of 127.0.0.0/8.
var (
	limitedBroadcast  = [4]byte{255, 255, 255, 255}
	loopbackBroadcast = [4]byte{127, 255, 255, 255}
)

// broadcastOf returns the directed broadcast address of p's network: all bits after the
// prefix are 1 (RFC 922). IPv6 has none, nor have point-to-point networks (RFC 3021) and
// single hosts.
func broadcastOf(p netip.Prefix) (b [4]byte, ok bool) {
	if !p.IsValid() || !p.Addr().Is4() || p.Bits() > 30 {
		return b, false
	}
	b = p.Addr().As4()
	for i := range b {
		ones := min(max(8*(i+1)-p.Bits(), 0), 8) // host bits in this byte
		b[i] |= 1<<ones - 1
	}
	return b, true
}

// normalize returns addr without the zone and without the mapping of IPv4 into IPv6, so
// that equal addresses compare equal.
func normalize(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
