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

// TestTheSimulationMatchesTheRealKernel runs the scenarios on the simulated kernel and on the
// real one, and compares what the peers saw.
func TestTheSimulationMatchesTheRealKernel(t *testing.T) {
	for _, e := range pollers {
		for _, sc := range append(scenarios, onUnix(t)...) {
			t.Run(e.name+"/"+sc.name, func(t *testing.T) {
				simulatedEnds := runScenario(e.make, sc, nil, nil).ends()[:len(sc.want)]
				if sc.path != "" {
					sc.path = filepath.Join(t.TempDir(), "s")
				}
				if diff := cmp.Diff(simulatedEnds, runReal(t, e.make, sc)); diff != "" {
					t.Errorf("what the peers saw (-simulated +real):\n%s", diff)
				}
			})
		}
	}
}

// runReal runs sc on the real kernel and returns what each peer saw.
func runReal(t *testing.T, e func(sys.Kernel) engine.Engine, sc scenario) []sim.End {
	cfg := sc.config()
	cfg.Buffer = 16 << 10
	srv, err := e(&sys.Linux{}).New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &realEnvironment{t: t, srv: srv.(*server), changed: make(chan struct{}, 1), served: make(chan error, 1), down: make(chan error, 1)}
	go func() { s.served <- srv.Serve() }()
	sc.steps(s)
	for _, a := range s.peers {
		a.resume()
		a.closeWrite()
	}
	s.runUntilIdle()
	var ends []sim.End
	for _, a := range s.peers {
		ends = append(ends, a.result(t))
	}
	s.drain()
	if err := <-s.down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-s.served; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Serve returned %v; want ErrClosed", err)
	}
	if left := cfg.Budget.Memory(); left != 0 {
		t.Errorf("%d bytes of the budget are still in use", left)
	}
	return ends
}

// realEnvironment is the environment on the real kernel.
type realEnvironment struct {
	t        *testing.T
	srv      *server
	peers    []*realPeer
	changed  chan struct{} // a peer has received something
	draining sync.Once
	served   chan error
	down     chan error
}

// enough is a timeout for what takes very little time. It makes a test fail that would
// hang.
const enough = 20 * time.Second

func (s *realEnvironment) bulk() int { return 16 << 20 }

func (s *realEnvironment) drain() {
	s.draining.Do(func() {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), enough)
			defer cancel()
			s.down <- s.srv.Shutdown(ctx)
		}()
	})
}

func (s *realEnvironment) listPeers() {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	if _, err := s.srv.Peers(ctx, 5); err != nil {
		s.t.Errorf("Peers: %v", err)
	}
}

func (s *realEnvironment) dial() peer {
	spec := s.srv.Listeners()[0]
	addr := spec.Addr.String()
	if spec.Network == "unix" {
		addr = spec.Path
	}
	conn, err := net.Dial(spec.Network, addr)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &realPeer{conn: conn.(duplex), seed: len(s.peers), changed: s.changed, writes: make(chan func(), 16)}
	a.mayRead = sync.NewCond(&a.mu)
	s.peers = append(s.peers, a)
	go a.read()
	go a.write()
	s.t.Cleanup(func() {
		a.conn.Close()
		a.resume()
		close(a.writes)
	})
	return a
}

// runUntilIdle waits until every peer that reads has received what it sent.
func (s *realEnvironment) runUntilIdle() {
	s.t.Helper()
	late := time.After(enough)
	for slices.ContainsFunc(s.peers, (*realPeer).waits) {
		select {
		case <-s.changed:
		case <-late:
			s.t.Fatal("a peer reads and does not receive what it is owed")
		}
	}
}

type duplex interface {
	net.Conn
	CloseWrite() error
}

// realPeer is a peer with a socket. Its writes are queued in writes, because a write
// blocks while the server does not read.
type realPeer struct {
	conn    duplex
	seed    int
	writes  chan func()
	changed chan<- struct{}

	mu       sync.Mutex
	mayRead  *sync.Cond
	stalled  bool
	finished bool
	sent     []byte
	received []byte
	end      sim.End
}

func (a *realPeer) send(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.seed*31 + (len(a.sent)+i)*7 + (len(a.sent)+i)>>8)
	}
	a.sent = append(a.sent, b...)
	a.writes <- func() { a.conn.Write(b) }
}

func (a *realPeer) closeWrite() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished {
		return
	}
	a.finished = true
	a.writes <- func() { a.conn.CloseWrite() }
}

func (a *realPeer) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end = sim.Reset
	if tcp, ok := a.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	a.conn.Close()
}

func (a *realPeer) stall() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = true
}

func (a *realPeer) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = false
	a.mayRead.Signal()
}

func (a *realPeer) write() {
	for write := range a.writes {
		write()
	}
}

func (a *realPeer) read() {
	b := make([]byte, 64<<10)
	for {
		a.mu.Lock()
		for a.stalled {
			a.mayRead.Wait()
		}
		a.mu.Unlock()
		n, err := a.conn.Read(b)
		a.mu.Lock()
		a.received = append(a.received, b[:n]...)
		switch {
		case err == nil || a.end != sim.StillOpen:
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

// waits reports whether a waits for the server.
func (a *realPeer) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.end != sim.StillOpen || a.stalled:
		return false
	case a.finished:
		return true
	}
	return len(a.received) < len(a.sent)
}

// result checks what a received, and returns what end it saw.
func (a *realPeer) result(t *testing.T) sim.End {
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
