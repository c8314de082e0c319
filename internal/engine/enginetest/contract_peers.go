package enginetest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/engine"
)

// peersCases try what the doc comment of Server.Peers says.
var peersCases = []testCase{
	{
		name:    "Peers tells the busiest first, with their addresses and bytes",
		promise: "Peers are the n streams that moved most bytes, fewer if there are fewer",
		on:      "tcp tls unix",
		run:     peersBusiest,
	},
	{
		name:    "Peers finds the one that takes nothing among many",
		promise: "Peers are the n streams whose peers have taken nothing of what they are owed for longest",
		on:      "tcp tls unix",
		run:     peersWaiting,
	},
	{
		name:    "Peers can be asked while everybody comes and goes",
		promise: "Server's methods may be called from any goroutine; an ID is one stream's",
		on:      "tcp tls unix",
		run:     peersInCrowd,
	},
	{
		name:    "Peers of a server that does not serve",
		promise: "Peers returns the context's error if a loop does not turn, and nobody once the server is closed",
		run:     peersOfNobody,
	},
}

func peersBusiest(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	sizes := []int{10, 70_000, 300, 1}
	var all []engine.Peer
	for _, size := range sizes {
		p := t.dial(s)
		p.echo(size)
		all = append(all, engine.Peer{
			Addr: p.name(), Network: t.network, BytesIn: uint64(size), BytesOut: uint64(size),
		})
	}
	s.waitBalance(uint64(len(all))) // a byte may be received before it is booked as sent
	slices.SortFunc(all, func(a, b engine.Peer) int { return int(b.BytesIn) - int(a.BytesIn) })
	for _, n := range []int{-1, 0, 1, 3, 4, 1000} {
		want := all[:max(min(n, len(all)), 0)]
		if diff := cmp.Diff(want, s.peers(n), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Peer{}, "ID"),
			cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("the %d busiest (-want +got):\n%s", n, diff)
		}
	}
}

// peersWaiting has a crowd at rest, a peer that takes nothing, and one that is
// busier than that.
func peersWaiting(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2), StallTimeout: 4 * patience})
	const most = 8 << 20
	busy, stuck := t.dial(s), t.dialNarrow(s)
	for range 20 {
		t.dial(s).echo(1)
	}
	stuck.flood(most)
	taken := s.settle().BytesIn
	busy.echo(int(taken) + 1)

	one := s.waitForWaiting(func(p engine.Peer) bool { return p.Waiting > 0 })
	if one.Addr != stuck.name() {
		t.Errorf("who waits: got %v, want %v", one.Addr, stuck.name())
	}
	if t.network == "tcp" && one.Owed == 0 {
		t.Errorf("who waits: got %+v, want some bytes owed to it", one)
	}
	least := one.Waiting // less again, if a late acknowledgement let some bytes go
	same := s.waitForWaiting(func(p engine.Peer) bool {
		grown := p.Waiting > least
		least = min(least, p.Waiting)
		return grown
	})
	if same.ID != one.ID {
		t.Errorf("who waits still: got ID %#x, want %#x", same.ID, one.ID)
	}
	stuck.receive(most)
	t.eventually(func() bool {
		return !slices.ContainsFunc(s.peers(1), func(p engine.Peer) bool { return p.Waiting > 0 })
	}, "nobody waits any more")
}

// waitForWaiting waits until the one who has waited longest is as it should be.
func (s *server) waitForWaiting(is func(engine.Peer) bool) (one engine.Peer) {
	s.t.Helper()
	s.t.eventually(func() bool {
		two := s.peers(1) // the busiest first
		one = two[len(two)-1]
		return len(two) == 2 && is(one)
	}, "one takes nothing and is told: %+v", &one)
	return one
}

func peersInCrowd(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	const callers, calls, asked = 8, 10, 100
	done := make(chan error, callers)
	for range callers {
		go func() {
			for range calls {
				p, err := t.greet(s)
				if err != nil {
					done <- err
					return
				}
				p.Close()
			}
			done <- nil
		}()
	}
	for range asked {
		seen := map[uint64]bool{}
		for _, p := range s.peers(callers) {
			if seen[p.ID] {
				t.Errorf("two streams have the ID %#x", p.ID)
			}
			seen[p.ID] = true
			if p.Owed != p.BytesIn-p.BytesOut || p.BytesIn > 1 {
				t.Errorf("a peer that sends a byte: got %+v", p)
			}
		}
	}
	for range callers {
		if err := <-done; err != nil {
			t.Errorf("an echo meanwhile: %v", err)
		}
	}
}

func peersOfNobody(t trial) {
	s := t.bind(engine.Config{})
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Peers(now, 1); t.engine.Caps().Loops && !errors.Is(err, context.Canceled) {
		t.Errorf("before any loop turns, context canceled: got %v, want its error", err)
	}
	s.start()
	if got := s.peers(5); len(got) > 0 {
		t.Errorf("of a server without a stream: got %v", got)
	}
	t.dial(s).echo(1)
	s.Shutdown(now)
	if got := s.peers(5); len(got) > 0 {
		t.Errorf("after Shutdown: got %v", got)
	}
}

// peers asks for n of each kind, and fails the trial if there is no answer.
func (s *server) peers(n int) []engine.Peer {
	s.t.Helper()
	soon, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	peers, err := s.Peers(soon, n)
	if err != nil {
		s.t.Fatalf("Peers: got %v", err)
	}
	return peers
}

// name is the address that a server knows p by.
func (p *peer) name() netip.AddrPort {
	if tcp, ok := p.LocalAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// loops is n where the engine has loops.
func (t trial) loops(n int) int {
	if !t.engine.Caps().Loops {
		return 0
	}
	return n
}
