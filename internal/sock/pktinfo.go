package sock

import "net/netip"

// PktInfo is where a datagram arrived, from the control data that came with it.
// On a socket bound to every address nothing else tells which one was asked,
// and an answer from any other is no answer to the one who asked.
type PktInfo struct {
	// Dst is the destination in the datagram's header, so it may be a multicast
	// or a broadcast address. IPv4-mapped IPv6 addresses are unmapped, zones are
	// left out. The zero Addr: the socket or the system does not tell.
	Dst netip.Addr
	// Index is the number of the interface it came in by, 0 if unknown.
	Index uint32
}
