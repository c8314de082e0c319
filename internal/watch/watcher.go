package watch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Watcher monitors targets.
type Watcher struct {
	config Config

	mu       sync.Mutex
	started  time.Time
	monitors []*monitor // in the order in which the targets were given
	used     int        // addresses of all targets, at most config.MaxAddresses
}

// New returns a Watcher that has not started. The error is a *usage.Error.
func New(c Config) (*Watcher, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Lookup == nil {
		c.Lookup = resolver.LookupNetIP
	}
	if c.Spread == nil {
		c.Spread = rand.N[time.Duration]
	}
	return &Watcher{config: c}, nil
}

// Run monitors until ctx ends. Each list from changes replaces the targets. Targets that
// are in the old and the new list go on without interruption. When Run returns, all its
// goroutines and connections have ended.
func (w *Watcher) Run(ctx context.Context, changes <-chan []Target) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.started = time.Now()
	w.mu.Unlock()
	var running sync.WaitGroup
	defer running.Wait()
	w.apply(ctx, &running, w.config.Targets)
	for {
		select {
		case list := <-changes:
			if err := w.config.checkTargets(list); err != nil {
				w.config.Log.Error("targets not changed, the old ones are kept", slog.Any("error", err))
				continue
			}
			added, removed := w.apply(ctx, &running, list)
			w.config.Log.Info("targets changed", slog.Int("targets", len(w.monitors)), slog.Int("added", added), slog.Int("removed", removed))
		case <-ctx.Done():
			return
		}
	}
}

// apply starts the targets that are new in list and stops those that are not in it.
func (w *Watcher) apply(ctx context.Context, running *sync.WaitGroup, list []Target) (added, removed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.monitors
	w.monitors = nil
	for _, t := range list {
		same := func(m *monitor) bool { return m.URL == t.URL }
		if slices.ContainsFunc(w.monitors, same) {
			continue
		}
		if i := slices.IndexFunc(before, same); i >= 0 {
			w.monitors = append(w.monitors, before[i])
			before = slices.Delete(before, i, i+1)
			continue
		}
		m := w.newMonitor(ctx, t)
		w.monitors = append(w.monitors, m)
		running.Go(m.run)
		added++
	}
	for _, m := range before {
		m.stop()
	}
	return added, len(before)
}

// acquire reports whether one more address may be monitored, and counts it then.
func (w *Watcher) acquire() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.used >= w.config.MaxAddresses {
		return false
	}
	w.used++
	return true
}

// release undoes acquire.
func (w *Watcher) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used--
}
