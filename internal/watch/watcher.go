package watch

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"echod/internal/ping"
)

// Watcher monitors targets.
type Watcher struct {
	config  Config
	caller  *caller
	sampler sampler // with Config.Sample

	mu       sync.Mutex
	started  time.Time
	monitors []*monitor        // in the order in which the targets were given
	rejected uint64            // lists that were invalid
	outdated bool              // the last list was
	spare    map[*monitor]bool // those with an address that has left the answers
	used     int               // addresses of all targets, at most config.MaxAddresses
	paused   time.Time         // the end of the last long pause
}

// New returns a Watcher that has not started. The error is a *usage.Error.
func New(c Config) (*Watcher, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.DownAfter = cmp.Or(c.DownAfter, DefaultDownAfter)
	if c.Lookup == nil {
		c.Lookup = resolver.LookupNetIP
	}
	if c.Spread == nil {
		c.Spread = rand.N[time.Duration]
	}
	for c.Sample > 0 && c.Seed == 0 {
		c.Seed = uint64(rand.Uint32()) // short enough to type
	}
	return &Watcher{config: c, caller: newCaller(c.OnChange), sampler: newSampler(c.Sample, c.Seed), spare: make(map[*monitor]bool)}, nil
}

// List is a new list of targets, or why it is invalid.
type List struct {
	Targets []Target
	Err     error
}

// Run monitors until ctx ends. Each valid list from changes replaces the targets. Targets
// that are in the old and the new list, with the same settings, go on without interruption.
// When Run returns, all its goroutines and connections have ended.
func (w *Watcher) Run(ctx context.Context, changes <-chan List) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.started = time.Now()
	w.mu.Unlock()
	defer w.caller.calls.Wait() // after the probers, which start calls
	var running sync.WaitGroup
	defer running.Wait()
	if w.config.Sample > 0 {
		running.Go(func() { w.sample(ctx) })
	}
	w.apply(ctx, &running, w.config.Targets)
	for {
		select {
		case list := <-changes:
			if list.Err == nil {
				list.Err = w.config.checkTargets(list.Targets)
			}
			w.judge(list.Err)
			if list.Err != nil {
				continue
			}
			added, removed := w.apply(ctx, &running, list.Targets)
			w.config.Log.Info("targets changed", slog.Int("targets", len(w.monitors)), slog.Int("added", added), slog.Int("removed", removed))
		case <-ctx.Done():
			return
		}
	}
}

// judge counts a list that is invalid, and logs it.
func (w *Watcher) judge(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outdated = err != nil
	if err != nil {
		w.rejected++
		w.config.Log.Error("targets not reloaded, the old ones are kept", slog.Any("error", err))
	}
}

// apply starts the targets that are new in list and stops those that are not in it.
func (w *Watcher) apply(ctx context.Context, running *sync.WaitGroup, list []Target) (added, removed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := make(map[settings]*monitor, len(w.monitors))
	for _, m := range w.monitors {
		before[m.settings()] = m
	}
	w.monitors = nil
	seen := make(map[settings]bool, len(list))
	for _, t := range list {
		s := t.settings()
		if seen[s] {
			continue
		}
		seen[s] = true
		m := before[s]
		if m != nil {
			m.setLabels(t.Labels)
			delete(before, s)
		} else {
			m = w.newMonitor(ctx, t)
			running.Go(m.run)
			added++
		}
		w.monitors = append(w.monitors, m)
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

// offerRoom remembers whether m has an address that has left the answers.
func (w *Watcher) offerRoom(m *monitor, has bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if has {
		w.spare[m] = true
	} else {
		delete(w.spare, m)
	}
}

// askForRoom asks one of the targets that have such an address to remove it.
func (w *Watcher) askForRoom() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for m := range w.spare {
		delete(w.spare, m) // it offers again after its next look-up
		select {
		case m.full <- struct{}{}:
			return
		default: // it has been asked
		}
	}
}

// release undoes acquire.
func (w *Watcher) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used--
}

// logPause logs a long pause of this process, once for all addresses.
func (w *Watcher) logPause(p ping.Pause) {
	if p.For < ping.LongPause {
		return
	}
	w.mu.Lock()
	same := p.At.Add(-p.For).Before(w.paused)
	if !same {
		w.paused = p.At
	}
	w.mu.Unlock()
	if !same {
		w.config.Log.Warn("this process did not run, probes are not counted", slog.Duration("for", p.For.Round(time.Millisecond)))
	}
}
