package watch

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// sampler decides which addresses are probed in each round, if Config.Sample limits them. A
// round is a Config.Interval. A cycle is as many rounds as it takes to probe every address
// once, in a random order, each address that is there when it begins. An address that is added
// waits for the next cycle. So 2·⌈n/size⌉−1 rounds in a row have a probe of each address, where
// n is the most addresses at once in these two cycles: it may be the first in one and the last
// in the next.
// It does no I/O.
type sampler struct {
	size int
	seed uint64

	mu    sync.Mutex
	all   map[*sampled]bool
	rest  []*sampled // of this cycle, also those that have been removed since it began
	cycle uint64
}

// sampled is an address that is probed when it is its turn.
type sampled struct {
	name string        // of the target and the address
	turn chan struct{} // has a token if a probe is due
}

func newSampler(size int, seed uint64) sampler {
	return sampler{size: size, seed: seed, all: make(map[*sampled]bool)}
}

func newSampled(t Target, address string) *sampled {
	return &sampled{name: t.URL + " " + address, turn: make(chan struct{}, 1)}
}

func (s *sampler) add(a *sampled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[a] = true
}

func (s *sampler) remove(a *sampled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, a)
}

// round returns the addresses of the next round, at most size. Begins is how many rounds the
// cycle has that begins with it, 0 if none begins. The same seed has the same order for the
// same addresses, whatever the order in which they were added.
func (s *sampler) round() (now []*sampled, begins int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = s.take(); len(now) == 0 {
		s.rest = slices.SortedFunc(maps.Keys(s.all), func(a, b *sampled) int { return cmp.Compare(a.name, b.name) })
		s.cycle++
		rand.New(rand.NewPCG(s.seed, s.cycle)).Shuffle(len(s.rest), func(i, j int) { s.rest[i], s.rest[j] = s.rest[j], s.rest[i] })
		begins = (len(s.rest) + s.size - 1) / s.size
		now = s.take()
	}
	return now, begins
}

// take returns the next addresses of this cycle, at most size.
func (s *sampler) take() (now []*sampled) {
	for len(now) < s.size && len(s.rest) > 0 {
		if s.all[s.rest[0]] {
			now = append(now, s.rest[0])
		}
		s.rest = s.rest[1:]
	}
	return now
}

// sample asks for the probes of each round, evenly within the interval, until ctx ends.
func (w *Watcher) sample(ctx context.Context) {
	w.config.Log.Info("addresses are sampled", slog.Int("sample", w.config.Sample), slog.Duration("interval", w.config.Interval), slog.Uint64("seed", w.config.Seed))
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := func(until time.Time) bool {
		timer.Reset(time.Until(until))
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	rounds := 0 // of the last cycle that was logged
	for start := time.Now(); wait(start); start = w.nextRound(start) {
		now, begins := w.sampler.round()
		if begins != 0 && begins != rounds {
			rounds = begins
			w.logCycle(rounds)
		}
		for i, a := range now {
			if !wait(start.Add(w.config.Interval * time.Duration(i) / time.Duration(len(now)))) {
				return
			}
			select {
			case a.turn <- struct{}{}:
			default: // its probe of the cycle before is due and not yet sent: it is sent now
			}
		}
	}
}

// nextRound returns when the round after the one at start begins. Rounds that were missed
// because this process did not run are not made up for.
func (w *Watcher) nextRound(start time.Time) time.Time {
	next, now := start.Add(w.config.Interval), time.Now()
	if now.Sub(next) > w.config.Interval {
		return now
	}
	return next
}

// logCycle logs how often an address is probed, and by when enough probes of one that fails have
// been sent to know that it is down: one in each cycle after the one in which it fails.
func (w *Watcher) logCycle(rounds int) {
	cycle := time.Duration(rounds) * w.config.Interval
	w.config.Log.Info("each address is probed once in a cycle", slog.Duration("cycle", cycle), slog.Duration("longest_gap", 2*cycle),
		slog.Duration("down_after", time.Duration(w.config.DownAfter+1)*cycle))
}
