package gonet

import (
	"context"
	"runtime"
	"sync"
	"time"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/memory"
	"echod/internal/sock"
)

// server is a goroutine for each listener, one for each connection, and the
// janitor.
type server struct {
	cfg       engine.Config
	guard     *echo.Guard
	clock     *clock
	calls     sock.Calls // on the sockets
	specs     []sock.Spec
	acceptors []*acceptor
	packets   []*packet

	count  engine.Counters // of bytes, only those of streams that have ended
	caches []*memory.Cache // of buffers
	lent   lent            // for those without a buffer
	door   chan struct{}   // holds a token for each handshake that computes

	mu    sync.Mutex
	conns map[*conn]struct{}
	cut   bool // no stream may go on

	group    sync.WaitGroup // everybody but the janitor
	serving  chan struct{}  // closed when somebody is at every listener
	draining chan struct{}  // closed when no new callers are waited for
	cutting  chan struct{}  // closed when cut is set
	over     chan struct{}  // closed when nothing is left
}

var _ engine.Server = (*server)(nil)

// newServer returns a server without listeners.
func newServer(cfg engine.Config) *server {
	s := &server{
		cfg:      cfg,
		guard:    cfg.Guard,
		caches:   newCaches(cfg, runtime.GOMAXPROCS(0)),
		clock:    newClock(cfg.StallTimeout, cfg.IdleTimeout),
		door:     make(chan struct{}, mostHandshakes),
		conns:    make(map[*conn]struct{}),
		serving:  make(chan struct{}),
		draining: make(chan struct{}),
		cutting:  make(chan struct{}),
		over:     make(chan struct{}),
	}
	if s.guard == nil {
		s.guard = echo.NewGuard(echo.GuardConfig{})
	}
	return s
}

func (s *server) Listeners() []sock.Spec { return s.specs }

// Serve serves until Shutdown. Nothing can break it before.
func (s *server) Serve() error {
	if s.begin() {
		go s.janitor(s.over)
		<-s.draining
		s.group.Wait()
		s.closeCaches()
		close(s.over)
	}
	<-s.over
	return engine.ErrClosed
}

// begin puts somebody at every listener, unless Shutdown came first.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(s.serving) || isClosed(s.draining) {
		return false
	}
	close(s.serving)
	for _, a := range s.acceptors {
		s.group.Go(a.run)
	}
	for _, p := range s.packets {
		s.group.Go(p.run)
	}
	return true
}

// Shutdown drains the server and resets what is left when ctx ends.
func (s *server) Shutdown(ctx context.Context) error {
	s.drain()
	select {
	case <-s.over:
		return nil
	case <-ctx.Done():
	}
	s.resetAll()
	<-s.over
	if s.count.Closes[engine.Drained].Load() > 0 {
		return ctx.Err()
	}
	return nil
}

// drain sends everybody who waits for callers home. A server that never served
// has nobody to close its sockets but this.
func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(s.draining) {
		return
	}
	close(s.draining)
	for _, a := range s.acceptors {
		a.drain()
	}
	for _, p := range s.packets {
		p.interrupt()
	}
	if !isClosed(s.serving) {
		s.close()
		close(s.over)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// close closes every listener of a server that has never served.
func (s *server) close() {
	s.closeCaches()
	for _, a := range s.acceptors {
		a.close()
	}
	for _, p := range s.packets {
		p.close()
	}
}

// resetAll closes every stream under its goroutine's hands, which resets it.
func (s *server) resetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cut {
		s.cut = true
		close(s.cutting)
		for _, a := range s.acceptors {
			a.ln.Abort()
		}
		for c := range s.conns {
			c.peer.Close()
		}
	}
}

// CheckAlive asks only whether the server serves at all: there is no loop here that
// could get stuck, the runtime wakes each goroutine by itself.
func (s *server) CheckAlive(ctx context.Context) error {
	select {
	case <-s.serving:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start lets c live, or resets it if it came too late for that.
func (s *server) start(c *conn) {
	s.count.Active.Add(1)
	c.moved.set(s.clock.now.Load(), false)
	s.mu.Lock()
	late := s.cut
	if !late {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if late {
		c.end(engine.Drained)
		return
	}
	s.group.Go(c.live)
}

// sleep waits for d, or for wake. False: what is left is being reset.
func (s *server) sleep(d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-s.cutting:
		return false
	}
}
