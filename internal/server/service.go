package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/engine"
)

// Service is a plan at work: every listener is bound. Its methods may be called
// from any goroutine, Run once.
type Service struct {
	cfg      Config
	signals  <-chan os.Signal
	members  []*member
	broken   chan error // one error of each server that ended by itself
	started  time.Time
	draining atomic.Bool
	notifier *notifier
}

func (s *Service) logListeners() {
	for _, m := range s.members {
		for _, spec := range m.Listeners() {
			s.cfg.Log.Info("listening", slog.String("url", spec.String()), slog.String("engine", m.engine))
		}
	}
}

// Run serves until a signal comes, until ctx ends or until an engine breaks. A
// signal starts the drain; another one, or the end of ctx, ends it at once. Run
// returns nil after a drain, however it ended, and otherwise what broke. On
// return every socket is closed.
func (s *Service) Run(ctx context.Context, signals <-chan os.Signal) error {
	s.signals = signals
	var serving sync.WaitGroup
	for _, m := range s.members {
		serving.Go(func() { s.serve(m) })
	}
	watching, stopWatching := context.WithCancel(context.Background())
	var watchdog sync.WaitGroup
	s.notifier = newNotifier(s.cfg.Notify, s.cfg.Log)
	defer s.notifier.end()
	s.notifier.post(ready)
	watchdog.Go(func() { s.feedWatchdog(watching) })

	err := s.wait(ctx)
	s.draining.Store(true)
	s.notifier.post(stopping)
	s.drain(ctx, err != nil)
	serving.Wait()
	stopWatching()
	watchdog.Wait()
	if err == nil {
		err = s.brokeMeanwhile()
	}
	return err
}

// brokeMeanwhile is what broke while the others drained, nil if nothing did.
func (s *Service) brokeMeanwhile() error {
	select {
	case err := <-s.broken:
		return err
	default:
		return nil
	}
}

func (s *Service) serve(m *member) {
	err := m.Serve()
	m.over.Store(true)
	if !errors.Is(err, engine.ErrClosed) {
		s.broken <- fmt.Errorf("serve with the %s engine: %w", m.engine, err)
	}
}

// wait returns nil when the service shall stop, or what broke.
func (s *Service) wait(ctx context.Context) error {
	select {
	case sig := <-s.signals:
		s.draining.Store(true) // before anybody can read of it
		s.cfg.Log.Info("draining", slog.String("signal", sig.String()), slog.Duration("timeout", s.cfg.DrainTimeout))
		return nil
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	}
}

// drain shuts every server down, all at the same time, and logs how that went.
// An engine that broke has nothing to wait for.
func (s *Service) drain(ctx context.Context, broken bool) {
	deadline, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout)
	defer cancel()
	if broken {
		cancel()
	}
	start, before := time.Now(), s.stats()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.shutdown(deadline)
	}()
	select {
	case <-done:
	case sig := <-s.signals:
		s.cfg.Log.Warn("drain cut short", slog.String("signal", sig.String()))
		cancel()
		<-done
	}
	after := s.stats()
	s.cfg.Log.Info("drained",
		slog.Uint64("closed", after.Closes[engine.Finished]-before.Closes[engine.Finished]),
		slog.Uint64("reset", after.Reset()-before.Reset()),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)))
}

func (s *Service) shutdown(ctx context.Context) {
	var closing sync.WaitGroup
	for _, m := range s.members {
		closing.Go(func() {
			// Streams that had to be reset are counted; any other error is news.
			if err := m.Shutdown(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("shutdown failed", slog.String("engine", m.engine), slog.Any("error", err))
			}
		})
	}
	closing.Wait()
}

// stats is the sum of all servers.
func (s *Service) stats() engine.Stats {
	var sum engine.Stats
	for _, m := range s.members {
		sum.Add(m.Stats())
	}
	return sum
}
