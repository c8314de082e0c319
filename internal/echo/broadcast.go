package echo

import "net/netip"

// The broadcast addresses that every machine has: RFC 919's limited one, and
// that of 127.0.0.0/8.
var (
	limitedBroadcast  = [4]byte{255, 255, 255, 255}
	loopbackBroadcast = [4]byte{127, 255, 255, 255}
)

// broadcastOf is the directed broadcast address of p's network: all ones after
// the prefix (RFC 922). IPv6 has none, nor have point-to-point networks
// (RFC 3021) and single hosts.
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

func (g *Guard) isBroadcast(addr netip.Addr) bool {
	if !addr.Is4() {
		return false
	}
	_, ok := g.broadcasts[addr.As4()]
	return ok
}
