package echo

import (
	"maps"
	"net/netip"
)

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// DefaultDeny are the ports below 1024. Simple services that answer whatever
// they get live there (echo 7, daytime 13, qotd 17, chargen 19, time 37), and so
// do those worth aiming at (dns 53, ntp 123); askers do not.
var DefaultDeny = []PortRange{{1, 1023}}

// portSet is a set of ports, one bit each. The zero portSet is empty.
type portSet [1 << 16 / 64]uint64

func (s *portSet) add(r PortRange) {
	for port := int(r.First); port <= int(r.Last); port++ {
		s[port/64] |= 1 << (port % 64)
	}
}

func (s *portSet) has(port uint16) bool { return s[port/64]>>(port%64)&1 != 0 }

// ownSet is where this process listens. It is never changed, only replaced.
type ownSet struct {
	ports      portSet // of every listener: most sources are told apart by that alone
	everywhere portSet // of those bound to every address
	exact      map[netip.AddrPort]struct{}
}

// with is s and one listener more.
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
