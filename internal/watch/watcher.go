package watch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Watcher asks many targets for as long as it runs.
type Watcher struct {
	config Config

	mu      sync.Mutex
	started time.Time
	targets []*target // in the order in which they were given
	asked   int       // addresses, of all targets
}

// New makes one that asks nothing yet. The error is a *usage.Error.
func New(c Config) (*Watcher, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Lookup == nil {
		c.Lookup = lookup
	}
	if c.Spread == nil {
		c.Spread = rand.N[time.Duration]
	}
	return &Watcher{config: c}, nil
}

// Run watches until ctx ends. Each list from changes takes the place of the
// targets: those that are in both go on undisturbed. It has left no goroutine and
// no connection behind when it returns.
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
			w.change(ctx, &running, list)
		case <-ctx.Done():
			return
		}
	}
}

// change applies a list that is good, and says what it was.
func (w *Watcher) change(ctx context.Context, running *sync.WaitGroup, list []Target) {
	if err := w.config.checkTargets(list); err != nil {
		w.config.Log.Error("targets not changed, the old ones are kept", slog.Any("error", err))
		return
	}
	added, removed := w.apply(ctx, running, list)
	w.config.Log.Info("targets changed", slog.Int("targets", len(w.targets)), slog.Int("added", added), slog.Int("removed", removed))
}

// apply starts what is new in list and stops what is not in it.
func (w *Watcher) apply(ctx context.Context, running *sync.WaitGroup, list []Target) (added, removed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.targets
	w.targets = nil
	for _, wanted := range list {
		same := func(t *target) bool { return t.URL == wanted.URL }
		if slices.ContainsFunc(w.targets, same) {
			continue
		}
		if i := slices.IndexFunc(before, same); i >= 0 {
			w.targets = append(w.targets, before[i])
			before = slices.Delete(before, i, i+1)
			continue
		}
		t := w.newTarget(ctx, wanted)
		w.targets = append(w.targets, t)
		running.Go(t.run)
		added++
	}
	for _, t := range before {
		t.stop()
	}
	return added, len(before)
}

// take is one more address to ask, if there may be.
func (w *Watcher) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked >= w.config.MaxAddresses {
		return false
	}
	w.asked++
	return true
}

// give is one less.
func (w *Watcher) give() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked--
}
