//go:build linux

package reactor

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/sys/sim"
)

// topPeers asks every loop for its peers, and checks what must be true of each answer,
// whatever fails.
func (r *rig) topPeers() []engine.Peer {
	all := r.srv.requestTopPeers(3)
	r.runUntilIdle()
	var peers []engine.Peer
	seen := map[uint64]bool{}
	for i, c := range all {
		select {
		case <-c.done:
		default:
			if r.srv.shutdown.Phase() == drain.Serving {
				r.problem("loop %d does not answer", i)
			}
			continue
		}
		for _, p := range c.peers {
			if seen[p.ID] {
				r.problem("the ID %#x is listed twice", p.ID)
			}
			seen[p.ID] = true
			r.checkPeer(p)
			peers = append(peers, p)
		}
	}
	return peers
}

// checkPeer checks that p can be a peer of the server.
func (r *rig) checkPeer(p engine.Peer) {
	if p.Owed != p.BytesIn-p.BytesOut || p.Waiting < 0 || p.Waiting > time.Duration(r.k.Now()) {
		r.problem("an impossible peer: %+v", p)
	}
	if p.Addr.IsValid() && !slices.ContainsFunc(r.peers, func(o *sim.Peer) bool {
		return o.Addr() == p.Addr && uint64(len(o.Sent())) >= p.BytesIn
	}) {
		r.problem("a peer that does not exist: %+v", p)
	}
}

func TestPeersListsEachStreamOnce(t *testing.T) {
	for _, e := range pollers {
		t.Run(e.name, func(t *testing.T) {
			r, err := newRig(e.make, scenario{loops: 2}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			one, two, three := r.dial(), r.dial(), r.dial()
			r.runUntilIdle()
			r.send(one, 5)
			r.send(three, 7)
			two.Stall()
			r.send(two, 5*rigBuffer)
			r.runUntilIdle()
			want := []engine.Peer{
				{Addr: one.Addr(), Network: "tcp", BytesIn: 5, BytesOut: 5},
				{Addr: two.Addr(), Network: "tcp", BytesIn: 3 * rigBuffer, BytesOut: 2 * rigBuffer, Owed: rigBuffer},
				{Addr: three.Addr(), Network: "tcp", BytesIn: 7, BytesOut: 7},
			}
			first, second := r.topPeers(), r.topPeers()
			if diff := diffPeers(want, first, "ID", "Waiting"); diff != "" {
				t.Errorf("peers (-want +got):\n%s", diff)
			}
			if diff := diffPeers(first, second, "Waiting"); diff != "" {
				t.Errorf("the second time (-first +second):\n%s", diff)
			}
			two.Reset()
			r.runUntilIdle()
			if diff := diffPeers(slices.Delete(want, 1, 2), r.topPeers(), "ID", "Waiting"); diff != "" {
				t.Errorf("after one was reset (-want +got):\n%s", diff)
			}
			if bad := r.failures(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// Owed bytes are offered to the kernel again at intervals. Waiting adds up over these.
func TestWaitingIsTheTimeWithoutProgress(t *testing.T) {
	const pause = 5 * time.Minute / offersPerStall // 37.5 seconds
	r, err := newRig(Epoll, scenario{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := r.dial()
	r.runUntilIdle()
	check := func(what string, want time.Duration) {
		t.Helper()
		got := r.topPeers()
		if len(got) != 1 || got[0].Waiting.Round(time.Second/2) != want {
			t.Errorf("%s: got %+v, want one peer that has waited for %v", what, got, want)
		}
	}
	check("before a byte", 0)
	p.Stall()
	r.send(p, 8*rigBuffer)
	r.runUntilIdle()
	check("none of it read", 0)
	r.k.Advance(30 * time.Second)
	check("before the first offer", 30*time.Second)
	for _, d := range []time.Duration{pause - 30*time.Second, pause, pause} {
		r.k.Advance(d)
		r.runUntilIdle()
	}
	check("after three offers without progress", 3*pause)
	p.Read(1)
	r.k.Advance(pause)
	r.runUntilIdle()
	check("after an offer of which a byte was taken", 0)
	r.k.Advance(10 * time.Second)
	check("and none since", 10*time.Second)
	p.Resume()
	r.runUntilIdle()
	check("all read", 0)
	if bad := r.failures(); bad != "" {
		t.Error(bad)
	}
}

func TestRequestsToALoopThatHasEndedReturn(t *testing.T) {
	r, err := newRig(Epoll, scenario{loops: 2}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := r.srv.requestTopPeers(1)
	r.srv.startDrain()
	for _, l := range r.srv.loops {
		if err := l.run(); err != nil { // returns at once: there are no connections
			t.Fatal(err)
		}
	}
	for i, c := range slices.Concat(before, r.srv.requestTopPeers(1)) {
		select {
		case <-c.done:
		default:
			t.Errorf("request %d has not returned", i)
		}
	}
	r.srv.close()
}

// diffPeers compares peers in the order of their addresses, without the fields in except.
func diffPeers(want, got []engine.Peer, except ...string) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Peer{}, except...),
		cmpopts.EquateComparable(netip.AddrPort{}),
		cmpopts.SortSlices(func(a, b engine.Peer) bool { return a.Addr.Compare(b.Addr) < 0 }))
}

// BenchmarkTopPeers walks over 15,000 connections, in the order of their descriptors and in
// a random order. It does not include the addresses, which are one call for each selected
// peer.
func BenchmarkTopPeers(b *testing.B) {
	inOrder := make([]int, 15_000)
	for i := range inOrder {
		inOrder[i] = 100 + i
	}
	mixed := slices.Clone(inOrder)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, bm := range []struct {
		name string
		fds  []int
	}{{"in order", inOrder}, {"random", mixed}} {
		b.Run(bm.name, func(b *testing.B) {
			l := loopWith(b, bm.fds)
			for b.Loop() {
				l.topPeers(10)
			}
		})
	}
}

// loopWith returns a loop that serves connections with these descriptors. Every tenth is
// writing.
func loopWith(b *testing.B, fds []int) *loop {
	r, err := newRig(Epoll, scenario{}, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	l := r.srv.loops[0]
	for i, fd := range fds {
		l.table.grow(fd)
		c := l.table.at(int32(fd))
		c.start(fd, true)
		c.stream.Received(1 + i*7919%len(fds))
		c.stream.Sent(c.stream.Owed())
		if i%10 == 0 {
			c.phase = writing
		}
		l.schedule(c, owedList)
	}
	return l
}
