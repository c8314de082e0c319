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

// server has a goroutine for each listener, one for each connection, and one for
// timeouts.
type server struct {
	cfg       engine.Config
	guard     *echo.Guard
	clock     *clock
	calls     sock.Calls
	specs     []sock.Spec
	acceptors []*acceptor
	packets   []*packetEcho

	count      engine.Counters // their bytes are only those of closed connections
	caches     []*memory.Cache
	yield      yield
	shared     sharedBuffer  // for connections without a buffer
	handshakes chan struct{} // holds a token for each handshake that computes

	mu    sync.Mutex
	conns map[*conn]struct{} // the open ones
	reset bool               // resetAll was called

	group     sync.WaitGroup // every goroutine but that for timeouts
	serving   chan struct{}  // closed when every listener has its goroutine
	draining  chan struct{}  // closed when Shutdown begins
	resetting chan struct{}  // closed when reset is set
	done      chan struct{}  // closed when everything is closed
}

var _ engine.Server = (*server)(nil)

// newServer returns a server without listeners.
func newServer(cfg engine.Config) *server {
	s := &server{
		cfg:        cfg,
		guard:      cfg.Guard,
		caches:     newCaches(cfg, runtime.GOMAXPROCS(0)),
		clock:      newClock(cfg.StallTimeout, cfg.IdleTimeout),
		handshakes: make(chan struct{}, maxHandshakes),
		conns:      make(map[*conn]struct{}),
		serving:    make(chan struct{}),
		draining:   make(chan struct{}),
		resetting:  make(chan struct{}),
		done:       make(chan struct{}),
	}
	if s.guard == nil {
		s.guard = echo.NewGuard(echo.GuardConfig{})
	}
	return s
}

func (s *server) Listeners() []sock.Spec { return s.specs }

// Serve serves until Shutdown. Nothing else ends it.
func (s *server) Serve() error {
	if s.startListeners() {
		go s.watchTimeouts(s.done)
		<-s.draining
		s.group.Wait()
		s.closeCaches()
		s.yield.close()
		close(s.done)
	}
	<-s.done
	return engine.ErrClosed
}

// startListeners starts the goroutine of every listener. It returns false if Shutdown
// was called before, or Serve.
func (s *server) startListeners() bool {
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

// CheckAlive checks only whether Serve was called: there is no loop here that could
// hang.
func (s *server) CheckAlive(ctx context.Context) error {
	select {
	case <-s.serving:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown drains the server, and resets the open connections when ctx is done.
func (s *server) Shutdown(ctx context.Context) error {
	s.drain()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.resetAll()
	<-s.done
	if s.count.Closes[engine.Drained].Load() > 0 {
		return ctx.Err()
	}
	return nil
}

// drain tells every listener to stop. If Serve was not called it closes them.
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
		close(s.done)
	}
}

// resetAll closes every connection. As each is closed by reset, its peer gets a reset,
// and its goroutine gets net.ErrClosed.
func (s *server) resetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reset {
		return
	}
	s.reset = true
	close(s.resetting)
	for _, a := range s.acceptors {
		a.ln.Abort()
	}
	for c := range s.conns {
		c.socket.Close()
	}
}

// close closes every listener of a server on which Serve was not called.
func (s *server) close() {
	s.closeCaches()
	s.yield.close()
	for _, a := range s.acceptors {
		a.close()
	}
	for _, p := range s.packets {
		p.close()
	}
}

// closeCaches frees the spare buffers.
func (s *server) closeCaches() {
	for _, c := range s.caches {
		c.Close()
	}
}

// sleep waits for d, or until wake is closed. It returns false if connections are being
// reset.
func (s *server) sleep(d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-s.resetting:
		return false
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
