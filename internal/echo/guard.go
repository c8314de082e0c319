package echo

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Guard decides which datagrams may be answered, so that a forged sender can
// neither make two services echo each other for ever nor aim the answers at a
// third party. It does no I/O and reads no clock. Its methods may be called
// from any goroutine; Check allocates nothing.
//
// What a Guard remembers is of a fixed size, whoever sends: sources that fall
// into the same place of a table share what is kept there.
type Guard struct {
	deny       portSet
	local      map[netip.Addr]struct{}
	broadcasts map[[4]byte]struct{}
	perPrefix  Rate
	total      Rate
	seed       maphash.Seed // random, so that nobody can choose whom to share with

	own      atomic.Pointer[ownSet]
	changing sync.Mutex // held by Own while it replaces own

	mu       sync.Mutex // for what follows, which only remote sources come to
	loops    loopTable
	prefixes [tableSize]bucket
	everyone bucket
}

// tableSize is how many places each table of a Guard has; a power of two.
const tableSize = 1 << 12

// GuardConfig is what a Guard enforces. The zero value is the default.
type GuardConfig struct {
	// Deny are the source ports that are never answered; nil means
	// DefaultDeny, an empty list none but port 0.
	Deny []PortRange
	// Local are the addresses of this machine, each with the length of its
	// network's prefix, as net.InterfaceAddrs lists them. They tell which
	// sources are our own where a listener is bound to every address, and what
	// the directed broadcast addresses are. Loopback need not be among them.
	Local []netip.Prefix
	// PerPrefix is how much goes out to each prefix: an IPv4 /24, an IPv6 /56.
	// A zero field means DefaultPerPrefix's.
	PerPrefix Rate
	// Total is how much goes out to all of them together. A zero field means
	// DefaultTotal's.
	Total Rate
}

// NewGuard returns a Guard that knows no address of its own yet.
func NewGuard(cfg GuardConfig) *Guard {
	if cfg.Deny == nil {
		cfg.Deny = DefaultDeny
	}
	g := &Guard{
		local:      make(map[netip.Addr]struct{}),
		broadcasts: map[[4]byte]struct{}{limitedBroadcast: {}, loopbackBroadcast: {}},
		perPrefix:  cfg.PerPrefix.withDefaults(DefaultPerPrefix),
		total:      cfg.Total.withDefaults(DefaultTotal),
		seed:       maphash.MakeSeed(),
	}
	for _, ports := range cfg.Deny {
		g.deny.add(ports)
	}
	for _, p := range cfg.Local {
		p = netip.PrefixFrom(plain(p.Addr()), p.Bits())
		g.local[p.Addr()] = struct{}{}
		if b, ok := broadcastOf(p); ok {
			g.broadcasts[b] = struct{}{}
		}
	}
	g.own.Store(new(ownSet))
	return g
}

// Own tells the guard one address and port that this process listens on; an
// unspecified address means that port on every address of this machine. Tell it
// before the listener answers anybody.
func (g *Guard) Own(addr netip.AddrPort) {
	g.changing.Lock()
	defer g.changing.Unlock()
	g.own.Store(g.own.Load().with(netip.AddrPortFrom(plain(addr.Addr()), addr.Port())))
}

// Check reports whether a datagram from src to dst may be answered: Answer, or
// the first reason why not. dst is the destination in the datagram's header;
// the zero Addr if the system does not tell. now is a monotonic time in
// nanoseconds, never negative. payload is only read, during the call.
//
// A datagram that may be answered is counted against the rates at once.
func (g *Guard) Check(now int64, src, dst netip.AddrPort, payload []byte) Drop {
	from, to := plain(src.Addr()), plain(dst.Addr())
	if drop := g.refuse(from, src.Port(), to); drop != Answer {
		return drop
	}
	if from.IsLoopback() {
		return Answer // who can send that is on this machine already
	}
	prefix, sent := g.hashes(from, src.Port(), payload)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loops.muted(now, sent) {
		return DropMuted
	}
	return g.take(now, prefix, len(payload))
}

// refuse tells what no amount of patience makes right.
func (g *Guard) refuse(from netip.Addr, port uint16, to netip.Addr) Drop {
	switch {
	case port == 0:
		return DropPortZero
	case g.deny.has(port):
		return DropLowPort
	case g.owns(from, port, to):
		return DropOwn
	case !from.IsValid() || from.IsUnspecified():
		return DropUnspecified
	case from.IsMulticast() || to.IsMulticast():
		return DropMulticast
	case g.isBroadcast(from) || g.isBroadcast(to):
		return DropBroadcast
	}
	return Answer
}

// owns reports whether the source is a listener of this process.
func (g *Guard) owns(from netip.Addr, port uint16, to netip.Addr) bool {
	own := g.own.Load()
	if !own.ports.has(port) {
		return false
	}
	if _, exactly := own.exact[netip.AddrPortFrom(from, port)]; exactly {
		return true
	}
	if !own.everywhere.has(port) {
		return false
	}
	_, local := g.local[from]
	return local || from == to || from.IsLoopback()
}

// take charges one datagram to its prefix and to everyone. One that is refused
// costs neither anything.
func (g *Guard) take(now int64, prefix uint64, size int) Drop {
	mine := &g.prefixes[prefix%tableSize]
	switch {
	case !mine.fits(now, g.perPrefix, size):
		return DropPrefixRate
	case !g.everyone.fits(now, g.total, size):
		return DropTotalRate
	}
	mine.pour(size)
	g.everyone.pour(size)
	return Answer
}

// hashes returns one hash of the prefix that from is in, and one of what was
// sent and from where.
func (g *Guard) hashes(from netip.Addr, port uint16, payload []byte) (prefix, sent uint64) {
	const ipv4Prefix, ipv6Prefix = 12 + 3, 7 // bytes: a /24 behind ::ffff:0:0/96, a /56
	key := from.As16()
	size := ipv6Prefix
	if from.Is4() {
		size = ipv4Prefix
	}
	prefix = maphash.Bytes(g.seed, key[:size])

	var h maphash.Hash
	h.SetSeed(g.seed)
	h.Write(key[:])
	h.WriteByte(byte(port >> 8))
	h.WriteByte(byte(port))
	h.Write(payload)
	return prefix, h.Sum64()
}

// plain is addr without what makes equal addresses look different: the mapping
// of an IPv4 address into IPv6, and the zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
