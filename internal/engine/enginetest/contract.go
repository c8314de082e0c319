package enginetest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sock"
)

// serverCases try what the doc comments of package engine say of New and of the
// methods of Server.
var serverCases = []testCase{
	{
		name:    "Listeners come in order with their real ports",
		promise: "Server.Listeners are the addresses really bound, in the order of Config.Listeners",
		run:     listenersInOrder,
	},
	{
		name:    "New refuses a network that the engine does not serve",
		promise: "New refuses with ErrUnsupported, before anything is bound, what the engine cannot do",
		run:     refusesNetwork,
	},
	{
		name:    "a port in use leaves nothing bound",
		promise: "P6: a clear error, the call and its errno; if one listener cannot be bound, none stays bound",
		run:     portInUse,
	},
	{
		name:    "CheckAlive is felt while the server lives",
		promise: "CheckAlive returns nil once every loop has turned, and the context's error if one does not",
		run:     pulse,
	},
	{
		name:    "Stats count what happened",
		promise: "S6: Stats are what the server has done so far, byte by byte and stream by stream",
		on:      "tcp tls unix",
		run:     statsCount,
	},
	{
		name:    "a server that never served ends at once",
		promise: "P5: a server that never served closes at once, and Serve then returns ErrClosed",
		run:     shutdownBeforeServe,
	},
}

func listenersInOrder(t trial) {
	networks := append(t.engine.Caps().Networks, t.engine.Caps().Networks...)
	var cfg engine.Config
	for _, network := range networks {
		cfg.Listeners = append(cfg.Listeners, t.anywhere(network))
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
		t.peer(connect(&net.Dialer{Timeout: patience}, spec)).echo(1)
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
	good, taken := t.freePort(), t.anywhere("tcp")
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

// freePort is a listener for a port that was free a moment ago.
func (t trial) freePort() engine.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	free := t.anywhere("tcp")
	free.Spec.Addr = netip.MustParseAddrPort(l.Addr().String())
	return free
}

// wantRefused fails the trial if somebody listens on spec.
func (t trial) wantRefused(spec sock.Spec) {
	t.Helper()
	conn, err := connect(&net.Dialer{Timeout: patience}, spec)
	if err == nil {
		conn.Close()
		t.Errorf("connect to %s: got a connection, want it refused: nobody should be listening", spec)
	}
}

func pulse(t trial) {
	s := t.bind(engine.Config{})
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.CheckAlive(now); t.engine.Caps().Loops && !errors.Is(err, context.Canceled) {
		t.Errorf("CheckAlive before any loop turns, context canceled: got %v, want its error", err)
	}
	s.start()
	soon, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 3 {
		if err := s.CheckAlive(soon); err != nil {
			t.Fatalf("CheckAlive of an idle server: got %v, want nil", err)
		}
	}
	s.t.dialNarrow(s).flood(8 << 20)
	s.settle()
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
	one.fin()
	one.wantWhole()
	two.fin()
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
