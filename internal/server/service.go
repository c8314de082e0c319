package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/trace"
)

// Service is a plan whose listeners are bound. Its methods may be called from any
// goroutine, Run once.
type Service struct {
	cfg      Config
	signals  <-chan os.Signal
	servers  []*engineServer
	failed   chan error // the errors of servers that failed
	started  time.Time
	end      drain.Drain
	notifier *notifier
}

func (s *Service) logListeners() {
	for _, m := range s.servers {
		for _, spec := range m.Listeners() {
			s.cfg.Log.Info("listening", slog.String("url", spec.String()), slog.String("engine", m.engine))
		}
	}
}

// Run serves until it gets a signal, ctx is done or an engine fails. A signal starts the
// drain. Another signal, or the end of ctx, ends the drain at once. Run returns nil after
// a drain, or the error of the engine. On return every socket is closed.
func (s *Service) Run(ctx context.Context, signals <-chan os.Signal) error {
	s.signals = signals
	var serving sync.WaitGroup
	for _, m := range s.servers {
		serving.Go(func() { s.serve(m) })
	}
	watching, stopWatching := context.WithCancel(context.Background())
	var watchdog sync.WaitGroup
	s.notifier = newNotifier(s.cfg.Notify, s.cfg.Log)
	defer s.notifier.end()
	s.notifier.post(ready)
	watchdog.Go(func() { s.feedWatchdog(watching) })

	err := s.wait(ctx)
	s.notifier.post(stopping)
	s.drain(ctx)
	serving.Wait()
	stopWatching()
	watchdog.Wait()
	if err == nil {
		select {
		case err = <-s.failed: // during the drain
		default:
		}
	}
	return err
}

// Close closes the sockets of a service whose Run is not called.
func (s *Service) Close() { closeAll(s.servers) }

func (s *Service) serve(m *engineServer) {
	err := m.Serve()
	m.returned.Store(true)
	if !errors.Is(err, engine.ErrClosed) {
		s.failed <- fmt.Errorf("serve with the %s engine: %w", m.engine, err)
	}
}

// wait waits until the service has to stop. It returns the error of an engine that failed.
// Then, and when ctx is done, there is no time for a drain.
func (s *Service) wait(ctx context.Context) error {
	select {
	case sig := <-s.signals:
		s.end.Signal(s.now(), s.cfg.DrainTimeout) // before it is logged
		s.cfg.Log.Info("draining", slog.String("signal", sig.String()), slog.Duration("timeout", s.cfg.DrainTimeout))
		return nil
	case <-ctx.Done():
		s.end.Abort()
		return nil
	case err := <-s.failed:
		s.end.Abort()
		return err
	}
}

// drain shuts all servers down at the same time and logs the result.
func (s *Service) drain(ctx context.Context) {
	start, before := time.Now(), s.stats()
	untilAbort, abort := context.WithCancel(context.Background())
	defer abort()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.shutdown(untilAbort)
	}()
	s.waitForDrain(ctx, done)
	abort()
	<-done
	after := s.stats()
	s.cfg.Log.Info("drained",
		slog.Uint64("closed", after.Closes[engine.Finished]-before.Closes[engine.Finished]),
		slog.Uint64("reset", after.Reset()-before.Reset()),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)))
}

// waitForDrain waits until done is closed or there is no time left for the drain.
func (s *Service) waitForDrain(ctx context.Context, done <-chan struct{}) {
	for s.end.At(s.now()) == drain.Draining {
		timeout := time.NewTimer(s.end.Remaining(s.now()))
		select {
		case <-done:
			timeout.Stop()
			return
		case sig := <-s.signals:
			s.end.Signal(s.now(), 0)
			s.cfg.Log.Warn("drain cut short", slog.String("signal", sig.String()))
		case <-ctx.Done():
			s.end.Abort()
		case <-timeout.C:
		}
		timeout.Stop()
	}
}

// now returns the time for end.
func (s *Service) now() int64 { return int64(time.Since(s.started)) }

func (s *Service) shutdown(ctx context.Context) {
	var closing sync.WaitGroup
	for _, m := range s.servers {
		closing.Go(func() {
			// After ctx is done the error means that streams were reset: they are counted.
			if err := m.Shutdown(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("shutdown failed", slog.String("engine", m.engine), slog.Any("error", err))
			}
		})
	}
	closing.Wait()
}

// stats returns the sum of all servers.
func (s *Service) stats() engine.Stats {
	var sum engine.Stats
	for _, m := range s.servers {
		sum.Add(m.Stats())
	}
	return sum
}

// Snapshot is the state of a service. Taking one does not slow the engines down.
type Snapshot struct {
	Started  time.Time     // when the listeners were bound
	Draining bool          // true from the start of a drain on
	Limits   engine.Limits // those in force, defaults filled in
	Engines  []EngineSnapshot
}

// EngineSnapshot is the state of one engine of a service.
type EngineSnapshot struct {
	Engine    string      // its name
	Listeners []sock.Spec // as bound
	Stats     engine.Stats
}

// Peers returns the n streams of all engines that moved most bytes and the n that have
// waited longest, each once. The error is that of ctx if an engine does not answer.
func (s *Service) Peers(ctx context.Context, n int) ([]engine.Peer, error) {
	top := engine.NewTopPeers(n)
	for _, m := range s.servers {
		peers, err := m.Peers(ctx, n)
		if err != nil {
			return nil, err
		}
		for i := range peers {
			top.Add(&peers[i])
		}
	}
	return top.Peers(), nil
}

// Trace begins the trace of an open stream; see engine.Server.
func (s *Service) Trace(ctx context.Context, id uint64, life *trace.Life) (stop func(), err error) {
	for _, m := range s.servers {
		if stop, err := m.Trace(ctx, id, life); !errors.Is(err, engine.ErrNoStream) {
			return stop, err
		}
	}
	return nil, engine.ErrNoStream
}

// Snapshot returns the state of the service.
func (s *Service) Snapshot() Snapshot {
	snap := Snapshot{Started: s.started, Draining: s.end.Phase() != drain.Serving, Limits: s.cfg.Limits}
	for _, m := range s.servers {
		snap.Engines = append(snap.Engines, EngineSnapshot{m.engine, m.Listeners(), m.Stats()})
	}
	return snap
}
