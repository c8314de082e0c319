package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Peer is a snapshot of one stream, taken by Server.Peers.
type Peer struct {
	// ID identifies the stream while it is open: no other stream of the process
	// has the same ID in that time. See StreamID.
	ID uint64
	// Addr is the peer's address. IPv4-mapped addresses are unmapped. It is zero
	// on a unix socket, and for a connection that the kernel has given up.
	Addr netip.AddrPort
	// Network is that of the stream's listener: "tcp", "tls" or "unix".
	Network string
	// BytesIn and BytesOut are the bytes received from the peer and sent back.
	BytesIn, BytesOut uint64
	// Owed is BytesIn less BytesOut. It does not include bytes that are unread in
	// the kernel until the peer has taken those before them. On a unix socket,
	// and when there is no memory to hold bytes, all owed bytes are there.
	Owed uint64
	// Waiting is how long the peer has taken none of its owed bytes; 0 if there
	// are none. It is exact to about a second, except for a peer that reads
	// slowly: its progress may be noticed late, by up to an eighth of
	// Config.StallTimeout. It may be 0 if there is no stall timeout.
	Waiting time.Duration
}

// StreamID returns the ID of a stream. No two open streams have the same fd;
// generation distinguishes streams that have the same fd one after the other.
func StreamID(generation uint32, fd int) uint64 { return uint64(generation)<<32 | uint64(uint32(fd)) }

// Descriptor returns the fd that an ID was made of.
func Descriptor(id uint64) int { return int(int32(id)) }

// TopPeers selects a few of many peers: those that moved most bytes, and those
// that have waited longest. It is made for small numbers: it keeps sorted lists.
type TopPeers struct{ busiest, waiting best }

// NewTopPeers returns a TopPeers that selects the n peers that moved most bytes
// and the n that have waited longest. Of two that are equal in this, the one with
// more owed bytes comes first. Peers that do not wait are not selected as waiting.
func NewTopPeers(n int) *TopPeers { return &TopPeers{busiest: best{n: n}, waiting: best{n: n}} }

// Wants reports whether a peer that moved this many bytes and has waited this long
// may be selected. A peer for which it returns false need not be added: most need
// not be, when there are many.
func (r *TopPeers) Wants(moved uint64, waiting time.Duration) bool {
	return r.busiest.wants(moved) || waiting > 0 && r.waiting.wants(uint64(waiting))
}

// Add offers p for selection. If p is selected, a copy is kept. No peer may be
// added twice.
func (r *TopPeers) Add(p *Peer) {
	r.busiest.add(p.BytesIn+p.BytesOut, p)
	if p.Waiting > 0 {
		r.waiting.add(uint64(p.Waiting), p)
	}
}

// Peers returns the selected peers, each once: first the busiest, most bytes first,
// then the waiting ones that are not among them, the longest wait first.
func (r *TopPeers) Peers() []Peer {
	var kept []Peer
	seen := make(map[uint64]bool)
	for _, p := range slices.Concat(r.busiest.kept, r.waiting.kept) {
		if !seen[p.ID] {
			seen[p.ID] = true
			kept = append(kept, p.Peer)
		}
	}
	return kept
}

// best keeps the n peers with the highest scores, highest first.
type best struct {
	n    int
	kept []scored
}

type scored struct {
	score uint64
	Peer
}

func (b *best) wants(score uint64) bool {
	return b.n > 0 && (len(b.kept) < b.n || score >= b.kept[b.n-1].score)
}

func (b *best) add(score uint64, p *Peer) {
	if !b.wants(score) {
		return
	}
	one := scored{score, *p}
	at, _ := slices.BinarySearchFunc(b.kept, one, scored.compare)
	b.kept = slices.Insert(b.kept, at, one)
	b.kept = b.kept[:min(b.n, len(b.kept))]
}

// compare orders by score, then by owed bytes, then by ID.
func (s scored) compare(o scored) int {
	return cmp.Or(cmp.Compare(o.score, s.score), cmp.Compare(o.Owed, s.Owed), cmp.Compare(s.ID, o.ID))
}
