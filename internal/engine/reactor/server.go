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

// server is several loops as one engine.Server. Loop 0 listens for all.
type server struct {
	name  string
	k     sys.Kernel
	maxFD int
	specs []sock.Spec
	table *table
	peers *peers // nil without a limit per address
	loops []*loop

	listening atomic.Int32 // listeners still open; while there are any, newcomers may come
	serving   atomic.Bool
	end       drain.Drain
	over      chan struct{} // closed when every loop has ended
	finished  sync.Once
}

var _ engine.Server = (*server)(nil)

// newServer binds every listener and makes the loops. On an error everything is
// closed again.
func newServer(r reactor, cfg engine.Config) (_ *server, err error) {
	s := &server{name: r.name, k: r.kernel, maxFD: r.maxFD, table: newTable(), over: make(chan struct{})}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if cfg.Budget.Slots.PerAddress() {
		s.peers = newPeers(cfg.Budget.Slots)
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
		s.loops[0].freed.Store(true)
		s.loops[0].mail.wake()
	})
	for i, ln := range cfg.Listeners {
		if err := s.open(cfg, ln, s.loops[i%len(s.loops)]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open binds one listener. Streams are accepted by loop 0; datagrams have no
// connections to share out, so their sockets are: this one to the loop owner.
func (s *server) open(cfg engine.Config, ln engine.Listener, owner *loop) error {
	fd, bound, err := s.bind(cfg, ln)
	if err != nil {
		return err
	}
	s.specs = append(s.specs, bound)
	if bound.Network == "udp" {
		return owner.openPacket(fd, bound, cfg)
	}
	l := s.loops[0]
	listener := &listener{fd: fd, spec: bound, inherited: ln.File != nil, watched: true}
	if ln.File != nil || bound.Network == "unix" {
		// What was queued before we came has inherited nothing from us, and a unix
		// socket inherits nothing at all.
		options := cfg.SocketOptions()
		listener.equip = &options
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

func (s *server) bind(cfg engine.Config, ln engine.Listener) (fd int, bound sock.Spec, err error) {
	if ln.File != nil {
		return sock.Inherit(s.k, ln.File, ln.Spec, cfg.SocketOptions())
	}
	return sock.Listen(s.k, ln.Spec, cfg.SocketOptions())
}

// leastBusy is the loop with the fewest connections.
func (s *server) leastBusy() *loop {
	least := s.loops[0]
	for _, l := range s.loops[1:] {
		if l.load.Load() < least.load.Load() {
			least = l
		}
	}
	return least
}

func (s *server) Listeners() []sock.Spec { return s.specs }

// Serve runs the loops, each on a thread of its own.
func (s *server) Serve() error {
	if s.serving.Swap(true) {
		<-s.over
		return engine.ErrClosed
	}
	errs := make(chan error, len(s.loops))
	for _, l := range s.loops {
		go func() { errs <- l.run() }()
	}
	var broken error
	for range s.loops {
		if err := <-errs; err != nil && broken == nil {
			broken = err
			s.abort() // the engine is broken: nobody is to wait for what will not come
		}
	}
	s.finish()
	if broken != nil {
		return broken
	}
	return engine.ErrClosed
}

// CheckAlive wakes every loop and waits until each has turned.
func (s *server) CheckAlive(ctx context.Context) error {
	for _, l := range s.loops {
		select {
		case <-l.mail.pulse():
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
		one.Held = uint64(l.store.Held())
		one.Loops = []engine.LoopStats{{Turns: l.turns.Load(), Active: one.Active}}
		sum.Add(one)
	}
	return sum
}

// finish ends the server, once: nothing turns any more.
func (s *server) finish() {
	s.finished.Do(func() {
		s.close()
		close(s.over)
	})
}

// close gives every descriptor back.
func (s *server) close() {
	for _, l := range s.loops {
		l.abandon()
		l.close()
	}
}
