package watch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// target is one that is watched.
type target struct {
	Target
	w       *Watcher
	log     *slog.Logger
	ctx     context.Context
	stop    context.CancelFunc
	roster  roster
	probing sync.WaitGroup
	failing time.Time // when look-ups began to fail; zero: they do not

	mu       sync.Mutex
	asked    []*address // in the order in which they joined
	failures uint64
	problem  string
}

func (w *Watcher) newTarget(ctx context.Context, wanted Target) *target {
	t := &target{Target: wanted, w: w, roster: newRoster(), log: w.config.Log.With(slog.String("target", wanted.URL))}
	t.ctx, t.stop = context.WithCancel(ctx)
	return t
}

// run looks the target up, again and again, until it is stopped.
func (t *target) run() {
	defer t.end()
	config := &t.w.config
	timer := time.NewTimer(config.Spread(min(config.Interval, time.Second)))
	defer timer.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-timer.C:
		}
		t.look()
		timer.Reset(config.Resolve*9/10 + config.Spread(config.Resolve/5))
	}
}

// end waits for the probers. What they know is kept.
func (t *target) end() {
	t.stop()
	t.probing.Wait()
	for range t.asked {
		t.w.give()
	}
}

// lookTime is how long one look-up may take.
const lookTime = 10 * time.Second

// look asks where the target is now.
func (t *target) look() {
	ctx, cancel := context.WithTimeout(t.ctx, lookTime)
	defer cancel()
	all, err := t.addresses(ctx, t.w.config.Lookup)
	switch {
	case t.ctx.Err() != nil:
	case err != nil:
		t.notResolved(err)
	default:
		t.resolved(all)
	}
}

// notResolved counts a look-up that failed; the addresses stay as they are.
func (t *target) notResolved(err error) {
	t.mu.Lock()
	t.failures++
	t.problem = err.Error()
	t.mu.Unlock()
	if t.failing.IsZero() {
		t.failing = time.Now()
		t.log.Warn("name not resolved, its last addresses are kept", slog.Int("addresses", len(t.asked)), slog.Any("error", err))
	}
}

// resolved takes all addresses that there are.
func (t *target) resolved(all []string) {
	if !t.failing.IsZero() {
		t.log.Info("name resolved again", slog.Duration("failed_for", time.Since(t.failing)))
		t.failing = time.Time{}
	}
	joined, left := t.roster.answer(all)
	for _, name := range left {
		t.leave(name)
	}
	out := 0
	for _, name := range joined {
		if !t.join(name) {
			out++
		}
	}
	t.note(len(all), out)
}

// note remembers what is not as it should be, and says so when it begins.
func (t *target) note(found, out int) {
	problem := ""
	switch {
	case found == 0:
		problem = "nobody has that name"
	case out > 0:
		problem = fmt.Sprintf("%d of %d addresses left out: %d are asked already, of all targets", out, found, t.w.config.MaxAddresses)
	}
	t.mu.Lock()
	before := t.problem
	t.problem = problem
	t.mu.Unlock()
	if problem != "" && problem != before {
		t.log.Warn("not all is watched", slog.String("why", problem))
	}
}

// join begins to ask an address, if there is room for one more.
func (t *target) join(name string) bool {
	if !t.w.take() {
		return false
	}
	a := newAddress(name, t.w.started, t.w.config.DownAfter, t.log)
	prober, err := t.w.config.prober(t.Target, a)
	if err != nil {
		panic(err) // the Config was checked
	}
	ctx, stop := context.WithCancel(t.ctx)
	a.stop = stop
	t.roster.add(name)
	t.mu.Lock()
	t.asked = append(t.asked, a)
	t.mu.Unlock()
	if t.All {
		t.log.Info("address joined", slog.String("address", name), slog.Int("addresses", len(t.asked)))
	}
	pause := t.w.config.Spread(t.w.config.Interval)
	t.probing.Go(func() {
		if rest(ctx, pause) {
			prober.Run(ctx)
		}
	})
	return true
}

// rest waits within the first interval, for the moment at which the address is
// asked from then on: others have other moments.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave asks an address no more, and forgets it.
func (t *target) leave(name string) {
	i := slices.IndexFunc(t.asked, func(a *address) bool { return a.name == name })
	t.asked[i].stop()
	t.mu.Lock()
	t.asked = slices.Delete(t.asked, i, i+1)
	t.mu.Unlock()
	t.w.give()
	t.log.Info("address left", slog.String("address", name), slog.Int("addresses", len(t.asked)))
}
