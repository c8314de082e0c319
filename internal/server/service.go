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
)

// Service is a plan at work: every listener is bound. Its methods may be called
// from any goroutine, Run once.
type Service struct {
	cfg      Config
	signals  <-chan os.Signal
	members  []*member
	broken   chan error // one error of each server that ended by itself
	started  time.Time
	end      drain.Drain
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
	s.notifier.post(stopping)
	s.drain(ctx)
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

// wait returns when the service shall stop: nil, or what broke. An engine that broke has
// nothing to wait for, and neither has a service whose context has ended.
func (s *Service) wait(ctx context.Context) error {
	select {
	case sig := <-s.signals:
		s.end.Signal(s.now(), s.cfg.DrainTimeout) // before anybody can read of it
		s.cfg.Log.Info("draining", slog.String("signal", sig.String()), slog.Duration("timeout", s.cfg.DrainTimeout))
		return nil
	case <-ctx.Done():
		s.end.Abort()
		return nil
	case err := <-s.broken:
		s.end.Abort()
		return err
	}
}

// drain shuts every server down, all at the same time, and logs how that went.
func (s *Service) drain(ctx context.Context) {
	start, before := time.Now(), s.stats()
	patient, abort := context.WithCancel(context.Background())
	defer abort()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.shutdown(patient)
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

// waitForDrain returns when all is done, or when there is no time left for it.
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

// now is the clock of end.
func (s *Service) now() int64 { return int64(time.Since(s.started)) }

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
