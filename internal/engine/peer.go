package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Peer is one stream, as it was when Server.Peers looked.
type Peer struct {
	// ID is the stream's for as long as it lives, and no other's of the process
	// in that time. See StreamID.
	ID uint64
	// Addr is where the peer connected from, IPv4 in its own terms. It is zero
	// on a unix socket, and for a connection that the kernel has given up.
	Addr netip.AddrPort
	// Network is that of the stream's listener: "tcp", "tls" or "unix".
	Network string
	// BytesIn and BytesOut are what came and what went back.
	BytesIn, BytesOut uint64
	// Owed is BytesIn less BytesOut. Bytes that wait unread in the kernel until
	// the peer takes those before them are not among them: on a unix socket, and
	// without memory to hold them, there are no others.
	Owed uint64
	// Waiting is how long the peer has taken nothing of what it is owed, 0 if it
	// is owed nothing. It is exact to a second or so, but what a peer took that
	// reads slowly is seen an eighth of Config.StallTimeout late at the most.
	// Without that timeout nobody may keep the time, and it is 0.
	Waiting time.Duration
}

// StreamID makes an ID of a descriptor, which no two streams have at the same
// time, and of a generation, which tells those apart that have it one after the
// other.
func StreamID(generation uint32, fd int) uint64 { return uint64(generation)<<32 | uint64(uint32(fd)) }

// Descriptor is the descriptor in an ID.
func Descriptor(id uint64) int { return int(int32(id)) }

// Ranking keeps, of all the peers that it is shown, the few that somebody wants
// to see. It is made for a few: each that is kept costs a place in a list.
type Ranking struct{ busiest, waiting best }

// NewRanking returns a ranking of the n peers that moved most bytes and the n
// that have waited longest. Of those equal in that, who is owed more comes
// first. Who does not wait is none of the waiting.
func NewRanking(n int) *Ranking { return &Ranking{busiest: best{n: n}, waiting: best{n: n}} }

// Wants reports whether a peer that moved so many bytes, and has waited so long, may
// be kept. Nearly nobody is, where there are many: whoever is not need not be
// shown.
func (r *Ranking) Wants(moved uint64, waiting time.Duration) bool {
	return r.busiest.wants(moved) || waiting > 0 && r.waiting.wants(uint64(waiting))
}

// See shows p to the ranking, which keeps a copy if anything. Nobody is to be
// shown twice.
func (r *Ranking) See(p *Peer) {
	r.busiest.see(p.BytesIn+p.BytesOut, p)
	if p.Waiting > 0 {
		r.waiting.see(uint64(p.Waiting), p)
	}
}

// Peers is who is kept, each once: the busiest, most bytes first, and then those
// of the waiting that are not among them, the longest first.
func (r *Ranking) Peers() []Peer {
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

// best keeps the n of the highest score, in order.
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

func (b *best) see(score uint64, p *Peer) {
	if !b.wants(score) {
		return
	}
	one := scored{score, *p}
	at, _ := slices.BinarySearchFunc(b.kept, one, scored.compare)
	b.kept = slices.Insert(b.kept, at, one)
	b.kept = b.kept[:min(b.n, len(b.kept))]
}

// compare orders by score, then by what is owed, then by anything that decides.
func (s scored) compare(o scored) int {
	return cmp.Or(cmp.Compare(o.score, s.score), cmp.Compare(o.Owed, s.Owed), cmp.Compare(s.ID, o.ID))
}
