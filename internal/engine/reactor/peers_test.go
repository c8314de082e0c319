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

// whoIsThere asks every loop who is there, and checks what holds of each answer
// whatever fails.
func (r *rig) whoIsThere() []engine.Peer {
	all := r.srv.requestTopPeers(3)
	r.settle()
	var peers []engine.Peer
	seen := map[uint64]bool{}
	for i, c := range all {
		select {
		case <-c.done:
		default:
			if r.srv.shutdown.Phase() == drain.Serving {
				r.problem("loop %d does not tell who is there", i)
			}
			continue
		}
		for _, p := range c.peers {
			if seen[p.ID] {
				r.problem("two streams have the ID %#x", p.ID)
			}
			seen[p.ID] = true
			r.credible(p)
			peers = append(peers, p)
		}
	}
	return peers
}

// credible checks that p can be one of those who are there.
func (r *rig) credible(p engine.Peer) {
	if p.Owed != p.BytesIn-p.BytesOut || p.Waiting < 0 || p.Waiting > time.Duration(r.k.Now()) {
		r.problem("a peer that cannot be: %+v", p)
	}
	if p.Addr.IsValid() && !slices.ContainsFunc(r.peers, func(o *sim.Peer) bool {
		return o.Addr() == p.Addr && uint64(len(o.Sent())) >= p.BytesIn
	}) {
		r.problem("a peer that nobody is: %+v", p)
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
			r.settle()
			r.send(one, 5)
			r.send(three, 7)
			two.Stall()
			r.send(two, 5*rigBuffer)
			r.settle()
			want := []engine.Peer{
				{Addr: one.Addr(), Network: "tcp", BytesIn: 5, BytesOut: 5},
				{Addr: two.Addr(), Network: "tcp", BytesIn: 3 * rigBuffer, BytesOut: 2 * rigBuffer, Owed: rigBuffer},
				{Addr: three.Addr(), Network: "tcp", BytesIn: 7, BytesOut: 7},
			}
			first, second := r.whoIsThere(), r.whoIsThere()
			if diff := diffPeers(want, first, "ID", "Waiting"); diff != "" {
				t.Errorf("who is there (-want +got):\n%s", diff)
			}
			if diff := diffPeers(first, second, "Waiting"); diff != "" {
				t.Errorf("asked again (-first +second):\n%s", diff)
			}
			two.Reset()
			r.settle()
			if diff := diffPeers(slices.Delete(want, 1, 2), r.whoIsThere(), "ID", "Waiting"); diff != "" {
				t.Errorf("after one has left (-want +got):\n%s", diff)
			}
			if bad := r.verdict(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// TestWaitingIsTheTimeWithoutProgress: what the tries add up to.
func TestWaitingIsTheTimeWithoutProgress(t *testing.T) {
	const pause = 5 * time.Minute / offersPerStall // 37.5 seconds
	r, err := newRig(Epoll, scenario{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := r.dial()
	r.settle()
	look := func(what string, want time.Duration) {
		t.Helper()
		got := r.whoIsThere()
		if len(got) != 1 || got[0].Waiting.Round(time.Second/2) != want {
			t.Errorf("%s: got %+v, want one peer that waits for %v", what, got, want)
		}
	}
	look("before a byte", 0)
	p.Stall()
	r.send(p, 8*rigBuffer)
	r.settle()
	look("none of it read", 0)
	r.k.Advance(30 * time.Second)
	look("before the first try", 30*time.Second)
	for _, d := range []time.Duration{pause - 30*time.Second, pause, pause} {
		r.k.Advance(d)
		r.settle()
	}
	look("after three tries in vain", 3*pause)
	p.Read(1)
	r.k.Advance(pause)
	r.settle()
	look("after one that found room for a byte", 0)
	r.k.Advance(10 * time.Second)
	look("and none since", 10*time.Second)
	p.Resume()
	r.settle()
	look("all read", 0)
	if bad := r.verdict(); bad != "" {
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
		if err := l.run(); err != nil { // returns at once, for nobody is there
			t.Fatal(err)
		}
	}
	for i, c := range slices.Concat(before, r.srv.requestTopPeers(1)) {
		select {
		case <-c.done:
		default:
			t.Errorf("question %d: not answered, and nobody is left to", i)
		}
	}
	r.srv.close()
}

// diffPeers compares peers in the order of their addresses, but for the fields
// that are not to be looked at.
func diffPeers(want, got []engine.Peer, but ...string) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Peer{}, but...),
		cmpopts.EquateComparable(netip.AddrPort{}),
		cmpopts.SortSlices(func(a, b engine.Peer) bool { return a.Addr.Compare(b.Addr) < 0 }))
}

// BenchmarkCensus walks over 15,000 connections: in the order of their
// descriptors, as they came, and in any, as time mixes them. Names are not in
// it: that is one call for each that is chosen.
func BenchmarkCensus(b *testing.B) {
	inOrder := make([]int, 15_000)
	for i := range inOrder {
		inOrder[i] = 100 + i
	}
	mixed := slices.Clone(inOrder)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, bm := range []struct {
		name string
		fds  []int
	}{{"as they came", inOrder}, {"mixed", mixed}} {
		b.Run(bm.name, func(b *testing.B) {
			l := crowded(b, bm.fds)
			for b.Loop() {
				l.topPeers(10)
			}
		})
	}
}

// crowded is a loop that serves connections with these descriptors, of which one
// in ten is owed something.
func crowded(b *testing.B, fds []int) *loop {
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
