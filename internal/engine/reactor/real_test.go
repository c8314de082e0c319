//go:build linux

package reactor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// TestTheSimulationMatchesTheRealKernel plays the scenarios on the real kernel's loopback and
// on the simulated one, and compares what the peers saw.
func TestTheSimulationMatchesTheRealKernel(t *testing.T) {
	for _, e := range pollers {
		for _, sc := range append(scenarios, onUnix(t)...) {
			t.Run(e.name+"/"+sc.name, func(t *testing.T) {
				simulatedEnds := perform(e.make, sc, nil, nil).ends()[:len(sc.want)]
				if sc.path != "" {
					sc.path = filepath.Join(t.TempDir(), "s")
				}
				if diff := cmp.Diff(simulatedEnds, playReal(t, e.make, sc)); diff != "" {
					t.Errorf("what the peers saw (-simulated +real):\n%s", diff)
				}
			})
		}
	}
}

// playReal plays sc on the real kernel and returns what each peer saw.
func playReal(t *testing.T, e func(sys.Kernel) engine.Engine, sc scenario) []sim.End {
	cfg := sc.config()
	cfg.Buffer = 16 << 10
	srv, err := e(&sys.Linux{}).New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &realStage{t: t, srv: srv.(*server), changed: make(chan struct{}, 1), served: make(chan error, 1), down: make(chan error, 1)}
	go func() { s.served <- srv.Serve() }()
	sc.play(s)
	for _, a := range s.actors {
		a.resume()
		a.closeWrite()
	}
	s.settle()
	var ends []sim.End
	for _, a := range s.actors {
		ends = append(ends, a.verdict(t))
	}
	s.drain()
	if err := <-s.down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-s.served; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Serve returned %v; want ErrClosed", err)
	}
	if left := cfg.Budget.Memory(); left != 0 {
		t.Errorf("%d bytes of the budget are not given back", left)
	}
	return ends
}

// realStage is the stage on the real kernel.
type realStage struct {
	t        *testing.T
	srv      *server
	actors   []*realActor
	changed  chan struct{} // something came to one of them
	draining sync.Once
	served   chan error
	down     chan error
}

// enough is a limit for what takes no time at all, so that a test that would
// hang fails instead.
const enough = 20 * time.Second

func (s *realStage) bulk() int { return 16 << 20 }

func (s *realStage) drain() {
	s.draining.Do(func() {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), enough)
			defer cancel()
			s.down <- s.srv.Shutdown(ctx)
		}()
	})
}

func (s *realStage) census() {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	if _, err := s.srv.Peers(ctx, 5); err != nil {
		s.t.Errorf("Peers: %v", err)
	}
}

func (s *realStage) dial() actor {
	spec := s.srv.Listeners()[0]
	addr := spec.Addr.String()
	if spec.Network == "unix" {
		addr = spec.Path
	}
	conn, err := net.Dial(spec.Network, addr)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &realActor{conn: conn.(duplex), seed: len(s.actors), changed: s.changed, moves: make(chan func(), 16)}
	a.may = sync.NewCond(&a.mu)
	s.actors = append(s.actors, a)
	go a.read()
	go a.write()
	s.t.Cleanup(func() {
		a.conn.Close()
		a.resume()
		close(a.moves)
	})
	return a
}

// settle waits until everybody who takes bytes has had all of them back.
func (s *realStage) settle() {
	s.t.Helper()
	late := time.After(enough)
	for slices.ContainsFunc(s.actors, (*realActor).waits) {
		select {
		case <-s.changed:
		case <-late:
			s.t.Fatal("the server owes somebody something and does not send it")
		}
	}
}

type duplex interface {
	net.Conn
	CloseWrite() error
}

// realActor is a peer with a socket. What it sends waits in moves, because a
// write blocks while the server reads nothing.
type realActor struct {
	conn    duplex
	seed    int
	moves   chan func()
	changed chan<- struct{}

	mu       sync.Mutex
	may      *sync.Cond // read
	stalled  bool
	finished bool
	sent     []byte
	received []byte
	end      sim.End
}

func (a *realActor) send(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.seed*31 + (len(a.sent)+i)*7 + (len(a.sent)+i)>>8)
	}
	a.sent = append(a.sent, b...)
	a.moves <- func() { a.conn.Write(b) }
}

func (a *realActor) closeWrite() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished {
		return
	}
	a.finished = true
	a.moves <- func() { a.conn.CloseWrite() }
}

func (a *realActor) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end = sim.Reset
	if tcp, ok := a.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	a.conn.Close()
}

func (a *realActor) stall() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = true
}

func (a *realActor) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = false
	a.may.Signal()
}

func (a *realActor) write() {
	for move := range a.moves {
		move()
	}
}

func (a *realActor) read() {
	b := make([]byte, 64<<10)
	for {
		a.mu.Lock()
		for a.stalled {
			a.may.Wait()
		}
		a.mu.Unlock()
		n, err := a.conn.Read(b)
		a.mu.Lock()
		a.received = append(a.received, b[:n]...)
		switch {
		case err == nil || a.end != sim.Going:
		case errors.Is(err, io.EOF):
			a.end = sim.Clean
		case errors.Is(err, syscall.ECONNRESET):
			a.end = sim.Reset
		}
		a.mu.Unlock()
		select {
		case a.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// waits reports whether the server still has something to do for a.
func (a *realActor) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.end != sim.Going || a.stalled:
		return false
	case a.finished:
		return true
	}
	return len(a.received) < len(a.sent)
}

// verdict is how it ended for a, after a check of what came.
func (a *realActor) verdict(t *testing.T) sim.End {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !bytes.HasPrefix(a.sent, a.received) {
		t.Errorf("peer %d received what it did not send", a.seed)
	}
	if a.end == sim.Clean && len(a.received) != len(a.sent) {
		t.Errorf("peer %d: a clean end after %d of %d bytes", a.seed, len(a.received), len(a.sent))
	}
	return a.end
}
