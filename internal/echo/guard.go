package echo

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Drop is the reason why a datagram was not answered. The zero Drop, Answer, means that
// it may be answered.
type Drop uint8

const (
	Answer Drop = iota

	// Found by the Guard, in this order.

	DropPortZero    // from port 0: the answer could not be received
	DropLowPort     // from a port on the deny list, where other simple services answer
	DropOwn         // from an address this process listens on
	DropUnspecified // from 0.0.0.0 or ::
	DropMulticast   // from or to a multicast address
	DropBroadcast   // from or to a broadcast address
	DropMuted       // part of a loop: the source sent that payload again and again
	DropPrefixRate  // above the rate of the source's prefix
	DropTotalRate   // above the rate of all sources together

	// Found by the engine.

	DropTruncated // longer than the buffer, so only a part could be sent back
	DropFull      // the socket's send buffer was full
	DropRefused   // the kernel refused to send: EPERM, ENETUNREACH …

	NumDrops // the number of values
)

var dropNames = [NumDrops]string{
	Answer:          "answer",
	DropPortZero:    "port-zero",
	DropLowPort:     "low-port",
	DropOwn:         "own-address",
	DropUnspecified: "unspecified",
	DropMulticast:   "multicast",
	DropBroadcast:   "broadcast",
	DropMuted:       "muted",
	DropPrefixRate:  "prefix-rate",
	DropTotalRate:   "total-rate",
	DropTruncated:   "truncated",
	DropFull:        "send-buffer-full",
	DropRefused:     "send-refused",
}

func (d Drop) String() string { return dropNames[d] }

// Guard decides which datagrams may be answered. A forged source address must not make
// two services echo each other forever, and must not direct the answers at a third
// party. A Guard does no I/O and reads no clock. Its methods may be called from any
// goroutine. Check allocates nothing.
//
// The memory of a Guard has a fixed size, however many sources there are: sources that
// fall into the same entry of a table share it.
type Guard struct {
	deny       portSet
	local      map[netip.Addr]struct{}
	broadcasts map[[4]byte]struct{}
	perPrefix  Rate
	total      Rate
	seed       maphash.Seed // random, so that no source can choose whose entry it shares

	own      atomic.Pointer[ownSet]
	changing sync.Mutex // held by Own while it replaces own

	mu       sync.Mutex // for what follows, which is not needed for loopback sources
	loops    loopTable
	prefixes [tableSize]bucket
	all      bucket
}

// tableSize is the number of entries of each table of a Guard; a power of two.
const tableSize = 1 << 12

// GuardConfig is the configuration of a Guard. The zero value is the default.
type GuardConfig struct {
	// Deny are the source ports that are never answered. nil means DefaultDeny; an
	// empty list means none but port 0.
	Deny []PortRange
	// Local are the addresses of this machine, each with the length of its network's
	// prefix, as net.InterfaceAddrs lists them. They determine which sources are our own if
	// a listener is bound to every address, and which addresses are directed
	// broadcasts. They need not contain loopback addresses.
	Local []netip.Prefix
	// PerPrefix limits what is sent to each prefix: an IPv4 /24 or an IPv6 /56. A zero
	// field means that of DefaultPerPrefix.
	PerPrefix Rate
	// Total limits what is sent to all prefixes together. A zero field means that of
	// DefaultTotal.
	Total Rate
}

// NewGuard returns a Guard that knows no listener of this process yet.
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
		p = netip.PrefixFrom(normalize(p.Addr()), p.Bits())
		g.local[p.Addr()] = struct{}{}
		if b, ok := broadcastOf(p); ok {
			g.broadcasts[b] = struct{}{}
		}
	}
	g.own.Store(new(ownSet))
	return g
}

// Own records that this process listens on addr. An unspecified address means that port
// on every address of this machine. Own must be called before the listener answers.
func (g *Guard) Own(addr netip.AddrPort) {
	g.changing.Lock()
	defer g.changing.Unlock()
	g.own.Store(g.own.Load().with(netip.AddrPortFrom(normalize(addr.Addr()), addr.Port())))
}

// Check returns Answer if a datagram from src to dst may be answered, or the first
// reason why not. dst is the destination in the datagram's header, or the zero AddrPort
// if the system does not report it. now is a monotonic time in nanoseconds, never
// negative. Check does not keep payload.
//
// A datagram that may be answered is counted against the rates at once.
func (g *Guard) Check(now int64, src, dst netip.AddrPort, payload []byte) Drop {
	from, to := normalize(src.Addr()), normalize(dst.Addr())
	drop := g.checkAddresses(from, src.Port(), to)
	if drop == Answer && !from.IsLoopback() {
		drop = g.checkPayload(now, from, src.Port(), payload)
	}
	return drop
}

// CheckTrain does for each datagram of a train what Check does for one. It calls decided for
// each run of consecutive datagrams about which it decides the same, in their order.
func (g *Guard) CheckTrain(now int64, src, dst netip.AddrPort, t Train, decided func(run Train, drop Drop)) {
	from, to := normalize(src.Addr()), normalize(dst.Addr())
	drop := g.checkAddresses(from, src.Port(), to)
	if drop != Answer || from.IsLoopback() {
		decided(t, drop)
		return
	}
	left := t
	for n, count := 0, t.Count(); count > 0; {
		payload, rest := left.Cut(1)
		next := g.checkPayload(now, from, src.Port(), payload.Bytes)
		if n > 0 && next != drop {
			run, after := t.Cut(n)
			decided(run, drop)
			t, n = after, 0
		}
		left, drop, n, count = rest, next, n+1, count-1
	}
	decided(t, drop)
}

// checkPayload decides about a datagram of another machine whose addresses allow an answer.
func (g *Guard) checkPayload(now int64, from netip.Addr, port uint16, payload []byte) Drop {
	prefix, datagram := g.hashes(from, port, payload)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loops.muted(now, datagram) {
		return DropMuted
	}
	bucket := &g.prefixes[prefix%tableSize]
	switch { // a datagram that is refused is counted against neither rate
	case !bucket.fits(now, g.perPrefix, len(payload)):
		return DropPrefixRate
	case !g.all.fits(now, g.total, len(payload)):
		return DropTotalRate
	}
	bucket.add(len(payload))
	g.all.add(len(payload))
	return Answer
}

// checkAddresses returns the reason why datagrams from that source to that destination
// are never answered, or Answer.
func (g *Guard) checkAddresses(from netip.Addr, port uint16, to netip.Addr) Drop {
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

func (g *Guard) isBroadcast(addr netip.Addr) bool {
	if !addr.Is4() {
		return false
	}
	_, ok := g.broadcasts[addr.As4()]
	return ok
}

// hashes returns a hash of the prefix that from is in, and a hash of the source and the
// payload.
func (g *Guard) hashes(from netip.Addr, port uint16, payload []byte) (prefix, datagram uint64) {
	const ipv4Prefix, ipv6Prefix = 12 + 3, 7 // bytes: a /24 after ::ffff:0:0/96, a /56
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
