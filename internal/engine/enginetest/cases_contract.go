package enginetest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/engine"
	"echod/internal/sock"
)

// serverCases test what the doc comments of package engine say of New and of the methods
// of Server.
var serverCases = []testCase{
	{
		name:    "Listeners returns the bound addresses in the order of the configuration",
		promise: "Server.Listeners returns the addresses that were bound, in the order of Config.Listeners",
		traced:  true,
		run:     listenersInOrder,
	},
	{
		name:    "New returns ErrUnsupported for a network that the engine does not serve",
		promise: "New returns ErrUnsupported, before anything is bound, for what the engine cannot do",
		run:     refusesNetwork,
	},
	{
		name:    "if one port is in use, no listener stays bound",
		promise: "the error names the system call and its errno; if one listener cannot be bound, none stays bound",
		run:     portInUse,
	},
	{
		name:    "CheckAlive returns nil while the loops run",
		promise: "CheckAlive returns nil after an iteration of every loop, and the error of its context if a loop does not run",
		run:     checkAlive,
	},
	{
		name:    "Stats count every byte and every stream once",
		promise: "S6: every byte and every stream is counted",
		on:      "tcp tls unix",
		traced:  true,
		run:     statsCount,
	},
	{
		name:    "a server that never served shuts down at once",
		promise: "P5: Shutdown closes a server that never served at once, and Serve then returns ErrClosed",
		run:     shutdownBeforeServe,
	},
}

func listenersInOrder(t trial) {
	networks := append(t.engine.Caps().Networks, t.engine.Caps().Networks...)
	var cfg engine.Config
	for _, network := range networks {
		cfg.Listeners = append(cfg.Listeners, t.listener(network))
	}
	s := t.serve(cfg)
	var got []string
	for i, spec := range s.Listeners() {
		got = append(got, spec.Network)
		if spec.Network != "unix" && spec.Addr.Port() == 0 {
			t.Errorf("listener %d: got port 0, want the one that was bound", i)
		}
		if spec.Network == "unix" && spec.Path != cfg.Listeners[i].Spec.Path {
			t.Errorf("listener %d: got path %s, want %s", i, spec.Path, cfg.Listeners[i].Spec.Path)
		}
		t.peer(connect(&net.Dialer{Timeout: waitLimit}, spec)).echo(1)
	}
	if diff := cmp.Diff(networks, got); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
}

func refusesNetwork(t trial) {
	good := t.freePort()
	bad := engine.Listener{Spec: sock.Spec{Network: "sctp", Addr: good.Spec.Addr}}
	srv, err := t.engine.New(engine.Config{Listeners: []engine.Listener{good, bad}})
	if err == nil {
		srv.Shutdown(context.Background())
	}
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Errorf("New with a listener on sctp: got %v, want an error that wraps ErrUnsupported", err)
	}
	t.wantRefused(good.Spec)
}

func portInUse(t trial) {
	owner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	good, taken := t.freePort(), t.listener("tcp")
	taken.Spec.Addr = netip.MustParseAddrPort(owner.Addr().String())
	srv, err := t.engine.New(engine.Config{Listeners: []engine.Listener{good, taken}})
	if err == nil {
		srv.Shutdown(context.Background())
		t.Fatal("New on a port in use: got no error")
	}
	var call *os.SyscallError
	if !errors.As(err, &call) || call.Syscall != "bind" || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("New on a port in use: got %v, want EADDRINUSE of bind", err)
	}
	t.wantRefused(good.Spec)
}

// freePort returns a listener for a port that was free a moment ago.
func (t trial) freePort() engine.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	free := t.listener("tcp")
	free.Spec.Addr = netip.MustParseAddrPort(l.Addr().String())
	return free
}

// wantRefused fails the trial unless connecting to spec is refused.
func (t trial) wantRefused(spec sock.Spec) {
	t.Helper()
	conn, err := connect(&net.Dialer{Timeout: waitLimit}, spec)
	if err == nil {
		conn.Close()
		t.Errorf("connect to %s: got a connection, want it refused", spec)
	}
}

func checkAlive(t trial) {
	s := t.bind(engine.Config{})
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.CheckAlive(now); t.engine.Caps().Loops && !errors.Is(err, context.Canceled) {
		t.Errorf("CheckAlive before Serve, context canceled: got %v, want its error", err)
	}
	s.start()
	soon, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	for range 3 {
		if err := s.CheckAlive(soon); err != nil {
			t.Fatalf("CheckAlive of an idle server: got %v, want nil", err)
		}
	}
	s.t.dialNarrow(s).flood(8 << 20)
	s.waitQuiet()
	if err := s.CheckAlive(soon); err != nil {
		t.Fatalf("CheckAlive with a stalled peer: got %v, want nil", err)
	}
}

func statsCount(t trial) {
	s := t.serve(engine.Config{})
	one, two := t.dial(s), t.dial(s)
	one.echo(1000)
	two.echo(234)
	s.waitFor("2 streams are open", func(st engine.Stats) bool { return st.Active == 2 })
	one.halfClose()
	one.wantWhole()
	two.halfClose()
	two.wantWhole()

	want := engine.Stats{Accepted: 2, BytesIn: 1234, BytesOut: 1234}
	want.Closes[engine.Finished] = 2
	if t.network == "tls" {
		want.Handshakes[engine.HandshakeOK] = 2
	}
	got := s.waitIdle()
	got.Loops = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func shutdownBeforeServe(t trial) {
	s := t.bind(engine.Config{})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown before Serve: got %v, want nil", err)
	}
	t.wantRefused(s.spec)
	if err := s.Serve(); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Serve after Shutdown: got %v, want ErrClosed", err)
	}
}

// peersCases test what the doc comment of Server.Peers says.
var peersCases = []testCase{
	{
		name:    "Peers returns the busiest streams first, with their addresses and bytes",
		promise: "Peers returns the n streams that moved most bytes",
		on:      "tcp tls unix",
		run:     peersBusiest,
	},
	{
		name:    "Peers finds the one stalled reader among many streams",
		promise: "Peers returns the n streams whose peers have taken none of their owed bytes for longest",
		on:      "tcp tls unix",
		run:     peersWaiting,
	},
	{
		name:    "Peers works while connections open and close",
		promise: "the methods of Server may be called from any goroutine; no two open streams have the same ID",
		on:      "tcp tls unix",
		run:     peersWhileClientsChange,
	},
	{
		name:    "Peers returns the error of its context before Serve, and nothing after Shutdown",
		promise: "Peers returns the error of its context if a loop does not run, and no peers after Shutdown",
		run:     peersWithoutLoops,
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
	s.waitBalanced(uint64(len(all))) // a byte may be received before it is counted as sent
	slices.SortFunc(all, func(a, b engine.Peer) int { return int(b.BytesIn) - int(a.BytesIn) })
	for _, n := range []int{-1, 0, 1, 3, 4, 1000} {
		want := all[:max(min(n, len(all)), 0)]
		if diff := cmp.Diff(want, s.peers(n), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Peer{}, "ID"),
			cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("the %d busiest (-want +got):\n%s", n, diff)
		}
	}
}

// peersWaiting has idle peers, a stalled reader, and a peer that moves more bytes than the
// stalled reader can ever send.
func peersWaiting(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2), StallTimeout: 4 * waitLimit})
	const most, piece = 8 << 20, 64 << 10
	busy, stuck := t.dial(s), t.dialNarrow(s)
	for range 20 {
		t.dial(s).echo(1)
	}
	stuck.flood(most)
	for moved := 0; moved <= most; moved += piece {
		busy.echo(piece)
	}

	one := s.waitForWaiting(func(p engine.Peer) bool { return p.Waiting > 0 })
	if one.Addr != stuck.name() {
		t.Errorf("the waiting peer: got %v, want %v", one.Addr, stuck.name())
	}
	if t.network == "tcp" && one.Owed == 0 {
		t.Errorf("the waiting peer: got %+v, want owed bytes", one)
	}
	least := one.Waiting // smaller again, if a late acknowledgement lets some bytes move
	same := s.waitForWaiting(func(p engine.Peer) bool {
		grown := p.Waiting > least
		least = min(least, p.Waiting)
		return grown
	})
	if same.ID != one.ID {
		t.Errorf("the waiting peer, later: got ID %#x, want %#x", same.ID, one.ID)
	}
	stuck.receive(most)
	t.eventually(func() bool {
		return !slices.ContainsFunc(s.peers(1), func(p engine.Peer) bool { return p.Waiting > 0 })
	}, "no peer waits")
}

// waitForWaiting waits until is returns true for the peer that has waited longest.
func (s *server) waitForWaiting(is func(engine.Peer) bool) (one engine.Peer) {
	s.t.Helper()
	s.t.eventually(func() bool {
		two := s.peers(1) // the busiest first
		one = two[len(two)-1]
		return len(two) == 2 && is(one)
	}, "Peers returns a waiting peer; it is %+v", &one)
	return one
}

func peersWhileClientsChange(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	const clients, calls, asked = 8, 10, 100
	done := make(chan error, clients)
	for range clients {
		go func() {
			for range calls {
				p, err := t.tryEcho(s)
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
		for _, p := range s.peers(clients) {
			if seen[p.ID] {
				t.Errorf("two streams have the ID %#x", p.ID)
			}
			seen[p.ID] = true
			if p.Owed != p.BytesIn-p.BytesOut || p.BytesIn > 1 {
				t.Errorf("a peer that sends a byte: got %+v", p)
			}
		}
	}
	for range clients {
		if err := <-done; err != nil {
			t.Errorf("an echo at the same time: %v", err)
		}
	}
}

func peersWithoutLoops(t trial) {
	s := t.bind(engine.Config{})
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Peers(now, 1); t.engine.Caps().Loops && !errors.Is(err, context.Canceled) {
		t.Errorf("before Serve, context canceled: got %v, want its error", err)
	}
	s.start()
	if got := s.peers(5); len(got) > 0 {
		t.Errorf("without streams: got %v", got)
	}
	t.dial(s).echo(1)
	s.Shutdown(now)
	if got := s.peers(5); len(got) > 0 {
		t.Errorf("after Shutdown: got %v", got)
	}
}

// peers returns Peers of n, or fails the trial.
func (s *server) peers(n int) []engine.Peer {
	s.t.Helper()
	soon, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	peers, err := s.Peers(soon, n)
	if err != nil {
		s.t.Fatalf("Peers: got %v", err)
	}
	return peers
}

// name returns the address of p in Peers.
func (p *peer) name() netip.AddrPort {
	if tcp, ok := p.LocalAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// loops returns n if the engine has loops, or else 0.
func (t trial) loops(n int) int {
	if !t.engine.Caps().Loops {
		return 0
	}
	return n
}
