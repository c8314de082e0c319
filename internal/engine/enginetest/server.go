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

// patience is how long an event is waited for before the case gives up. It is
// no measure of speed: on a machine with nothing else to do the events come
// within milliseconds.
const patience = 30 * time.Second

// server is a server at work for one trial.
type server struct {
	engine.Server
	t      trial
	spec   sock.Spec // of the first listener
	budget *engine.Budget
	served chan error // receives what Serve returned
}

// serve starts a server, on one listener of the trial's network unless cfg names
// others. When the trial is over it is ended and its books are examined.
func (t trial) serve(cfg engine.Config) *server {
	t.Helper()
	s := t.bind(cfg)
	s.start()
	return s
}

// bind makes the server and leaves the serving to start.
func (t trial) bind(cfg engine.Config) *server {
	t.Helper()
	if cfg.Listeners == nil {
		cfg.Listeners = []engine.Listener{t.anywhere(t.network)}
	}
	if cfg.HandshakeTimeout == 0 {
		cfg.HandshakeTimeout = 2 * patience
	}
	if cfg.Budget == nil {
		cfg.Budget = engine.NewBudget(engine.Limits{})
	}
	srv, err := t.engine.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s := &server{Server: srv, t: t, spec: srv.Listeners()[0], budget: cfg.Budget, served: make(chan error, 1)}
	t.Cleanup(s.close)
	return s
}

func (s *server) where() sock.Spec { return s.spec }

func (s *server) start() { go func() { s.served <- s.Serve() }() }

// close ends the server at once and examines what it leaves.
func (s *server) close() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(now); err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("Shutdown: got %v, want nil or its context's error", err)
	}
	s.audit()
}

// audit examines the books of a server on which nothing is open any more: every
// byte and every connection must be accounted for, once (S6, P3, P7).
func (s *server) audit() {
	s.t.Helper()
	got := s.Stats()
	if got.Active != 0 || got.Held != 0 || s.budget.Memory() != 0 {
		s.t.Errorf("after Shutdown: %d streams open, %d bytes held, %d of the budget taken, want 0, 0, 0",
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

// anywhere is a listener for network on an address that nobody uses.
func (t trial) anywhere(network string) engine.Listener {
	t.Helper()
	if network == "unix" {
		return engine.Listener{Spec: sock.Spec{Network: network, Path: filepath.Join(t.shortDir(), "echo.sock")}}
	}
	spec := sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	if network == "tls" {
		return engine.Listener{Spec: spec, TLS: t.serverTLS()}
	}
	return engine.Listener{Spec: spec}
}

// shortDir is a directory for sockets. The names that TempDir makes of long
// claims do not fit into a socket's address.
func (t trial) shortDir() string {
	t.Helper()
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// eventually waits until done says so.
func (t trial) eventually(done func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", patience, fmt.Sprintf(format, args...))
		}
	}
}

// waitFor waits until the server's books say so.
func (s *server) waitFor(what string, done func(engine.Stats) bool) engine.Stats {
	s.t.Helper()
	var got engine.Stats
	s.t.eventually(func() bool {
		got = s.Stats()
		return done(got)
	}, "%s; the books say %+v", what, &got)
	return got
}

// waitIdle waits until no stream is open and everything is booked.
func (s *server) waitIdle() engine.Stats {
	s.t.Helper()
	return s.waitBalance(0)
}

// waitBalance waits until so many streams are open and the books balance: a
// snapshot may show a byte or a stream that is booked on one side only, but not
// for long (S6, P7).
func (s *server) waitBalance(open uint64) engine.Stats {
	s.t.Helper()
	return s.waitFor(fmt.Sprintf("%d streams are open and the books balance", open), func(st engine.Stats) bool {
		return st.Active == open && st.Accepted == open+sum(st.Closes[:])+sum(st.Refused[:]) &&
			st.BytesIn == st.BytesOut+st.Discarded
	})
}

// settle waits until the server has stopped taking in bytes: whoever does not
// read has been given all that fits between the two of them.
func (s *server) settle() engine.Stats {
	s.t.Helper()
	return s.t.settle(s.Stats)
}

func (t trial) settle(stats func() engine.Stats) engine.Stats {
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
	}, "the server stops taking in bytes")
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

// causes lists why streams ended, for messages.
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

// owe connects a peer that sends little by little, until the server whose books
// stats tells owes it something, and then no more: an engine that takes bytes
// into its memory leaves nothing unread in the kernel. Nobody else may be
// sending to that server yet.
func (t trial) owe(to target, stats func() engine.Stats) *peer {
	t.Helper()
	const sip, looks = 4 << 10, 100
	p := t.dialNarrow(to)
	before := stats().BytesOut
	for look := 0; look < looks; look++ {
		if stats().BytesOut-before == uint64(p.sent.Load()) {
			p.send(sip)
			look = 0
		}
		time.Sleep(time.Millisecond)
	}
	return p
}

// crowd is how many connections a case may open, both ends of which are in this
// process: at most n, and not so many that the engine runs out of descriptors
// that it can wait for.
func (t trial) crowd(n int) int {
	if most := t.engine.Caps().MaxFD; most > 0 {
		return min(n, most*2/5)
	}
	return n
}
