//go:build linux

package reactor

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// server is several loops as one engine.Server. Loop 0 accepts for all of them.
type server struct {
	name      string
	k         sys.Kernel
	maxFD     int
	specs     []sock.Spec
	table     *table
	addresses *addresses // nil without a limit per address
	loops     []*loop

	listening atomic.Int32 // listeners still open
	serving   atomic.Bool
	shutdown  drain.Drain
	closed    chan struct{} // closed when every loop has ended
	closeOnce sync.Once
}

var _ engine.Server = (*server)(nil)

// newServer makes the loops and binds every listener. On an error everything is closed
// again.
func newServer(r reactor, cfg engine.Config) (_ *server, err error) {
	if cfg.Trace != nil {
		r.kernel = cfg.Trace.Kernel(r.kernel, r.name)
	}
	s := &server{name: r.name, k: r.kernel, maxFD: r.maxFD, table: newTable(), closed: make(chan struct{})}
	defer func() {
		if err != nil {
			s.closeLoops()
		}
	}()
	if cfg.Budget.Slots.PerAddress() {
		s.addresses = newAddresses(cfg.Budget.Slots)
	}
	if cfg.Loops == 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	for range cfg.Loops {
		l, err := newLoop(s, cfg, r.newPoller)
		if err != nil {
			return nil, err
		}
		s.loops = append(s.loops, l)
	}
	cfg.Budget.Slots.OnRelease(func() {
		s.loops[0].slotFree.Store(true)
		s.loops[0].inbox.wake()
	})
	for i, ln := range cfg.Listeners {
		if err := s.open(cfg, ln, s.loops[i%len(s.loops)]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open binds one listener, or takes over a socket that is bound. Loop 0 accepts all
// connections and shares them out. A datagram socket has no connections, so the loop
// owner serves it alone.
func (s *server) open(cfg engine.Config, ln engine.Listener, owner *loop) error {
	var fd int
	var bound sock.Spec
	var err error
	if ln.File != nil {
		fd, bound, err = sock.Inherit(s.k, ln.File, ln.Spec, cfg.SocketOptions())
	} else {
		fd, bound, err = sock.Listen(s.k, ln.Spec, cfg.SocketOptions())
	}
	if err != nil {
		return err
	}
	s.specs = append(s.specs, bound)
	if bound.Network == "udp" {
		return owner.openDatagram(fd, bound, cfg, ln.File != nil)
	}
	l := s.loops[0]
	listener := &listener{fd: fd, spec: bound, inherited: ln.File != nil, watched: true}
	if ln.File != nil || bound.Network == "unix" {
		// Accepted sockets inherit nothing from a unix listener, and connections that
		// were queued before a listener was taken over have not inherited its options.
		options := cfg.SocketOptions()
		listener.options = &options
	}
	if err := l.watch(fd, listener); err != nil {
		bound.Unlink()
		s.k.Close(fd)
		return err
	}
	l.listeners = append(l.listeners, listener)
	s.listening.Add(1)
	return nil
}

// leastLoaded returns the loop with the fewest connections.
func (s *server) leastLoaded() *loop {
	least := s.loops[0]
	for _, l := range s.loops[1:] {
		if l.conns.Load() < least.conns.Load() {
			least = l
		}
	}
	return least
}

func (s *server) Listeners() []sock.Spec { return s.specs }

// Serve runs each loop on a thread of its own.
func (s *server) Serve() error {
	if s.serving.Swap(true) {
		<-s.closed
		return engine.ErrClosed
	}
	errs := make(chan error, len(s.loops))
	for _, l := range s.loops {
		go func() { errs <- l.run() }()
	}
	var failure error
	for range s.loops {
		if err := <-errs; err != nil && failure == nil {
			failure = err
			s.abort() // the other loops need not wait for their peers
		}
	}
	s.close()
	if failure != nil {
		return failure
	}
	return engine.ErrClosed
}

// Shutdown drains. It sends no FIN to a peer that has not finished: a FIN would say that
// the peer has received everything, and more may be on its way to us. A stream ends as
// it would have ended without the drain, or is reset when ctx is done.
func (s *server) Shutdown(ctx context.Context) error {
	s.startDrain()
	if !s.serving.Swap(true) { // no loop runs, and none will
		s.close()
		return nil
	}
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
	}
	s.abort()
	<-s.closed
	return ctx.Err()
}

// startDrain has the loops accept what is queued and end with their last stream.
func (s *server) startDrain() {
	s.shutdown.Start()
	s.wake()
}

// abort has the loops reset the streams that are left.
func (s *server) abort() {
	s.shutdown.Abort()
	s.wake()
}

func (s *server) wake() {
	for _, l := range s.loops {
		l.inbox.wake()
	}
}

// CheckAlive waits until each loop has completed an iteration.
func (s *server) CheckAlive(ctx context.Context) error {
	for _, l := range s.loops {
		select {
		case <-l.inbox.request(func() {}):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *server) Stats() engine.Stats {
	var sum engine.Stats
	for _, l := range s.loops {
		one := l.count.Stats()
		one.Held = uint64(l.cache.Held())
		one.Loops = []engine.LoopStats{{Turns: l.iterations.Load(), Active: one.Active}}
		sum.Add(one)
	}
	return sum
}

// close closes everything, once. No loop runs any more.
func (s *server) close() {
	s.closeOnce.Do(func() {
		s.closeLoops()
		close(s.closed)
	})
}

func (s *server) closeLoops() {
	for _, l := range s.loops {
		l.abort()
		l.close()
	}
}
