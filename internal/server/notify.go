package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// notify tells the service manager, if there is one. That it does not listen is
// no reason to stop serving.
func (s *Service) notify(state string) {
	if s.cfg.Notify == nil {
		return
	}
	if err := s.cfg.Notify(state); err != nil {
		s.cfg.Log.Warn("notify failed", slog.String("state", state), slog.Any("error", err))
	}
}

// feedWatchdog says WATCHDOG=1 twice in each interval, as sd_watchdog_enabled(3)
// advises, as long as every loop of every server turns. A loop that hangs
// starves the watchdog, and the service manager restarts the service.
func (s *Service) feedWatchdog(ctx context.Context) {
	if s.cfg.Watchdog == 0 {
		return
	}
	tick := time.NewTicker(s.cfg.Watchdog / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.pulse(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.cfg.Log.Error("a loop hangs", slog.Any("error", err))
		default:
			s.notify("WATCHDOG=1")
		}
	}
}

// pulse returns nil once every server has shown that it lives. One that has
// ended while another still drains has nothing left to hang.
func (s *Service) pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Watchdog/2)
	defer cancel()
	for _, m := range s.members {
		if err := m.Pulse(ctx); err != nil && !m.over.Load() {
			return fmt.Errorf("the %s engine: %w", m.engine, err)
		}
	}
	return nil
}
