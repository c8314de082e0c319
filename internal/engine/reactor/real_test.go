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
	for _, p := range s.peers {
		p.resume()
		p.closeWrite()
	}
	s.runUntilIdle()
	var ends []sim.End
	for _, p := range s.peers {
		ends = append(ends, p.result(t))
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
	p := &realPeer{conn: conn.(duplex), seed: len(s.peers), changed: s.changed, writes: make(chan func(), 16)}
	p.mayRead = sync.NewCond(&p.mu)
	s.peers = append(s.peers, p)
	go p.read()
	go p.write()
	s.t.Cleanup(func() {
		p.conn.Close()
		p.resume()
		close(p.writes)
	})
	return p
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

func (p *realPeer) send(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.seed*31 + (len(p.sent)+i)*7 + (len(p.sent)+i)>>8)
	}
	p.sent = append(p.sent, b...)
	p.writes <- func() { p.conn.Write(b) }
}

func (p *realPeer) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.finished = true
	p.writes <- func() { p.conn.CloseWrite() }
}

func (p *realPeer) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = sim.Reset
	if tcp, ok := p.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	p.conn.Close()
}

func (p *realPeer) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

func (p *realPeer) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = false
	p.mayRead.Signal()
}

func (p *realPeer) write() {
	for write := range p.writes {
		write()
	}
}

func (p *realPeer) read() {
	b := make([]byte, 64<<10)
	for {
		p.mu.Lock()
		for p.stalled {
			p.mayRead.Wait()
		}
		p.mu.Unlock()
		n, err := p.conn.Read(b)
		p.mu.Lock()
		p.received = append(p.received, b[:n]...)
		switch {
		case err == nil || p.end != sim.StillOpen:
		case errors.Is(err, io.EOF):
			p.end = sim.Clean
		case errors.Is(err, syscall.ECONNRESET):
			p.end = sim.Reset
		}
		p.mu.Unlock()
		select {
		case p.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// waits reports whether p waits for the server.
func (p *realPeer) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.end != sim.StillOpen || p.stalled:
		return false
	case p.finished:
		return true
	}
	return len(p.received) < len(p.sent)
}

// result checks what p received, and returns what end it saw.
func (p *realPeer) result(t *testing.T) sim.End {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !bytes.HasPrefix(p.sent, p.received) {
		t.Errorf("peer %d received what it did not send", p.seed)
	}
	if p.end == sim.Clean && len(p.received) != len(p.sent) {
		t.Errorf("peer %d: a clean end after %d of %d bytes", p.seed, len(p.received), len(p.sent))
	}
	return p.end
}
