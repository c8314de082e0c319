package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTopPeersAreTheBusiestAndTheLongestWaiting(t *testing.T) {
	const second = time.Second
	var (
		silent = Peer{ID: 1}
		idle   = Peer{ID: 2, BytesIn: 10, BytesOut: 10}
		busy   = Peer{ID: 3, BytesIn: 900, BytesOut: 900}
		oneWay = Peer{ID: 4, BytesIn: 1700, BytesOut: 0, Owed: 1700} // owed, but not for long enough to tell
		slow   = Peer{ID: 5, BytesIn: 50, BytesOut: 40, Owed: 10, Waiting: second}
		stuck  = Peer{ID: 6, BytesIn: 30, BytesOut: 20, Owed: 10, Waiting: 9 * second}
		huge   = Peer{ID: 7, BytesIn: 5000, BytesOut: 4000, Owed: 1000, Waiting: 5 * second}
		as     = Peer{ID: 8, BytesIn: 30, BytesOut: 25, Owed: 5, Waiting: 9 * second} // as long as stuck, for less
	)
	tests := []struct {
		name string
		n    int
		seen []Peer
		want []Peer
	}{
		{"no peers", 3, nil, nil},
		{"fewer than n", 3, []Peer{silent, busy}, []Peer{busy, silent}},
		{"bytes of both ways count", 2, []Peer{idle, oneWay, busy}, []Peer{busy, oneWay}},
		{"the longest wait first", 1, []Peer{busy, slow, stuck}, []Peer{busy, stuck}},
		{"the one with more owed bytes, of equal waits", 1, []Peer{busy, as, stuck}, []Peer{busy, stuck}},
		{"a peer that is both is listed once", 1, []Peer{slow, huge, idle}, []Peer{huge}},
		{"the lower ID, of equals", 1, []Peer{{ID: 9}, {ID: 8}}, []Peer{{ID: 8}}},
		{"the waiting ones after the busiest", 2, []Peer{stuck, slow, huge, busy, idle}, []Peer{huge, busy, stuck}},
		{"n is 0", 0, []Peer{busy, stuck}, nil},
		{"n is negative", -1, []Peer{busy, stuck}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewTopPeers(tt.n)
			for _, p := range tt.seen {
				r.Add(&p)
			}
			if diff := diffPeers(tt.want, r.Peers()); diff != "" {
				t.Errorf("peers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTopPeersEqualTheFirstOfAllSorted omits peers at random that Wants rejects.
func TestTopPeersEqualTheFirstOfAllSorted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + random.IntN(6)
		r := NewTopPeers(n)
		all := make([]Peer, random.IntN(60))
		for i, id := range random.Perm(len(all)) {
			all[i] = Peer{ID: uint64(id), BytesIn: random.Uint64N(20), Waiting: time.Duration(max(random.IntN(20)-10, 0))}
			if all[i].ID%2 == 0 || r.Wants(all[i].BytesIn, all[i].Waiting) {
				r.Add(&all[i])
			}
		}
		if diff := diffPeers(sortAll(all, n), r.Peers()); diff != "" {
			t.Fatalf("the %d first of %d (-want +got):\n%s", n, len(all), diff)
		}
	}
}

// sortAll returns what TopPeers selects, by sorting all peers.
func sortAll(all []Peer, n int) []Peer {
	slices.SortFunc(all, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(b.BytesIn, a.BytesIn), cmp.Compare(a.ID, b.ID))
	})
	want, rest := slices.Clone(all[:min(n, len(all))]), slices.Clone(all)
	slices.SortFunc(rest, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.ID, b.ID))
	})
	for _, p := range rest[:min(n, len(rest))] {
		if p.Waiting > 0 && !slices.Contains(want, p) {
			want = append(want, p)
		}
	}
	return want
}

func TestStreamIDDiffersByDescriptorAndByGeneration(t *testing.T) {
	seen := map[uint64]bool{}
	for _, generation := range []uint32{0, 1, 3, 1<<32 - 1} {
		for _, fd := range []int{-1, 3, 1 << 20, 1<<31 - 1} {
			id := StreamID(generation, fd)
			seen[id] = true
			if got := Descriptor(id); got != fd {
				t.Errorf("descriptor of the ID of %d on %d: got %d", generation, fd, got)
			}
		}
	}
	if got, want := len(seen), 16; got != want {
		t.Errorf("IDs of 4 generations on 4 descriptors: got %d different ones, want %d", got, want)
	}
}

func diffPeers(want, got []Peer) string {
	return gocmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(Peer{}))
}

// BenchmarkTopPeers selects 10 of 15,000 peers: in random order, and in the worst
// order, where each peer ranks above all before it.
func BenchmarkTopPeers(b *testing.B) {
	ascending := make([]Peer, 15_000)
	for i := range ascending {
		ascending[i] = Peer{ID: uint64(i), BytesIn: uint64(i), Waiting: time.Duration(i + 1)}
	}
	shuffled := slices.Clone(ascending)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	for _, bm := range []struct {
		name string
		all  []Peer
	}{{"any order", shuffled}, {"worst order", ascending}} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				r := NewTopPeers(10)
				for i := range bm.all {
					r.Add(&bm.all[i])
				}
				if got := len(r.Peers()); got != 10 {
					b.Fatalf("kept %d", got)
				}
			}
		})
	}
}
