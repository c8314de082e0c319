package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// waitLimit is how long a case waits for an event before it fails. It does not measure
// speed: on an idle machine the events come within milliseconds.
const waitLimit = 30 * time.Second

// server is a running server of one trial.
type server struct {
	engine.Server
	t      trial
	spec   sock.Spec // of the first listener
	budget *engine.Budget
	served chan error // receives what Serve returned

	tracing *tracing // nil if nothing is traced
}

// serve starts a server, on one listener of the trial's network unless cfg names
// others. At the end of the trial it is shut down and its counters are checked.
func (t trial) serve(cfg engine.Config) *server {
	t.Helper()
	s := t.bind(cfg)
	s.start()
	return s
}

// bind makes a server that serves after start.
func (t trial) bind(cfg engine.Config) *server {
	t.Helper()
	if cfg.Listeners == nil {
		cfg.Listeners = []engine.Listener{t.listener(t.network)}
	}
	if cfg.HandshakeTimeout == 0 {
		cfg.HandshakeTimeout = 2 * waitLimit
	}
	if cfg.Budget == nil {
		cfg.Budget = engine.NewBudget(engine.Limits{})
	}
	var tracing *tracing
	if t.traced {
		tracing = startTrace(&cfg)
	}
	srv, err := t.engine.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s := &server{Server: srv, t: t, spec: srv.Listeners()[0], budget: cfg.Budget, served: make(chan error, 1), tracing: tracing}
	t.Cleanup(s.close)
	return s
}

func (s *server) address() sock.Spec { return s.spec }

func (s *server) start() { go func() { s.served <- s.Serve() }() }

// close shuts the server down at once and checks its counters.
func (s *server) close() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(now); err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("Shutdown: got %v, want nil or its context's error", err)
	}
	s.checkAccounting()
	s.checkTrace()
}

// checkAccounting checks the counters of a server after Shutdown: every byte and every
// connection must be counted once (S6, P3, P7).
func (s *server) checkAccounting() {
	s.t.Helper()
	got := s.Stats()
	if got.Active != 0 || got.Held != 0 || s.budget.Memory() != 0 {
		s.t.Errorf("after Shutdown: %d streams open, %d bytes held, %d of the budget used, want 0, 0, 0",
			got.Active, got.Held, s.budget.Memory())
	}
	if spare := s.budget.Pool().Spare(); spare != 0 {
		s.t.Errorf("after Shutdown: %d bytes are spare, want 0", spare)
	}
	if got.BytesIn != got.BytesOut+got.Discarded {
		s.t.Errorf("bytes: got in %d, out %d and discarded %d, want in = out + discarded",
			got.BytesIn, got.BytesOut, got.Discarded)
	}
	if ended := sum(got.Closes[:]) + sum(got.Refused[:]); got.Accepted != ended {
		s.t.Errorf("connections: got %d accepted and %d ended (%s), want one cause for each",
			got.Accepted, ended, causes(got))
	}
}

// listener returns a listener for network on a free address.
func (t trial) listener(network string) engine.Listener {
	t.Helper()
	if network == "unix" {
		return engine.Listener{Spec: sock.Spec{Network: network, Path: filepath.Join(t.shortDir(), "echo.sock")}}
	}
	spec := sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	if network == "tls" {
		return engine.Listener{Spec: spec, TLS: t.serverTLSConfig()}
	}
	return engine.Listener{Spec: spec}
}

// shortDir returns a directory for sockets. The paths of TempDir contain the names of
// cases and do not fit into the address of a unix socket.
func (t trial) shortDir() string {
	t.Helper()
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// eventually waits until done returns true.
func (t trial) eventually(done func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(waitLimit); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v until: %s", waitLimit, fmt.Sprintf(format, args...))
		}
	}
}

// waitFor waits until done returns true for the server's counters.
func (s *server) waitFor(what string, done func(engine.Stats) bool) engine.Stats {
	s.t.Helper()
	var got engine.Stats
	s.t.eventually(func() bool {
		got = s.Stats()
		return done(got)
	}, "%s; the counters are %+v", what, &got)
	return got
}

// waitIdle waits until no stream is open and everything is counted.
func (s *server) waitIdle() engine.Stats {
	s.t.Helper()
	return s.waitBalanced(0)
}

// waitBalanced waits until this many streams are open and the counters balance: a
// snapshot may have a byte or a stream in one counter and not yet in another (S6, P7).
func (s *server) waitBalanced(open uint64) engine.Stats {
	s.t.Helper()
	return s.waitFor(fmt.Sprintf("%d streams are open and the counters balance", open), func(st engine.Stats) bool {
		return st.Active == open && st.Accepted == open+sum(st.Closes[:])+sum(st.Refused[:]) &&
			st.BytesIn == st.BytesOut+st.Discarded
	})
}

// waitQuiet waits until the server receives no more bytes: then the buffers between it
// and the stalled readers are full.
func (s *server) waitQuiet() engine.Stats {
	s.t.Helper()
	return s.t.waitQuiet(s.Stats)
}

func (t trial) waitQuiet(stats func() engine.Stats) engine.Stats {
	t.Helper()
	const looks, pause = 10, 10 * time.Millisecond
	last, same := stats(), 0
	t.eventually(func() bool {
		time.Sleep(pause)
		now := stats()
		if now.BytesIn == 0 || now.BytesIn != last.BytesIn || now.BytesOut != last.BytesOut {
			same = 0
		}
		last = now
		same++
		return same > looks
	}, "the server receives no more bytes")
	return last
}

func sum(counts []uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// wantClosed fails the trial unless n streams have ended, all of them for the
// same cause.
func (t trial) wantClosed(st engine.Stats, cause engine.Cause, n uint64) {
	t.Helper()
	if st.Closes[cause] != n || sum(st.Closes[:]) != n {
		t.Errorf("causes of close: got %s, want %s %d and no other", causes(st), cause, n)
	}
}

// causes returns a list of why streams ended, for messages.
func causes(st engine.Stats) string {
	var list []string
	for c, n := range st.Closes {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s %d", engine.Cause(c), n))
		}
	}
	for r, n := range st.Refused {
		if n > 0 {
			list = append(list, fmt.Sprintf("refused %s %d", engine.Refusal(r), n))
		}
	}
	return fmt.Sprint(list)
}

// stall connects n peers that send as much as fits and never read.
func (t trial) stall(s *server, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = t.dialNarrow(s)
		peers[i].flood(64 << 20)
	}
	return peers
}

// dialOwed connects a peer that sends little by little until the server, whose counters
// stats returns, owes it bytes. An engine that holds these in memory then leaves none
// unread in the kernel. No other peer may be sending to the server.
func (t trial) dialOwed(to target, stats func() engine.Stats) *peer {
	t.Helper()
	const piece, looks = 4 << 10, 100
	p := t.dialNarrow(to)
	before := stats().BytesOut
	for look := 0; look < looks; look++ {
		if stats().BytesOut-before == uint64(p.sent.Load()) {
			p.send(piece)
			look = 0
		}
		time.Sleep(time.Millisecond)
	}
	return p
}

// maxConns returns how many connections a case may open: at most n, and not more than
// the engine can serve. Both ends of each have descriptors in this process.
func (t trial) maxConns(n int) int {
	if most := t.engine.Caps().MaxFD; most > 0 {
		return min(n, most*2/5)
	}
	return n
}
