package watch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// monitor is a target that is monitored.
type monitor struct {
	Target
	w       *Watcher
	log     *slog.Logger
	ctx     context.Context
	stop    context.CancelFunc
	members members
	probers sync.WaitGroup
	failing time.Time // when look-ups began to fail; zero: they do not

	mu        sync.Mutex
	addresses []*address // in the order in which they were added
	failures  uint64
	problem   string
}

func (w *Watcher) newMonitor(ctx context.Context, t Target) *monitor {
	m := &monitor{Target: t, w: w, members: newMembers(), log: w.config.Log.With(slog.String("target", t.URL))}
	m.ctx, m.stop = context.WithCancel(ctx)
	return m
}

// run resolves the target again and again until it is stopped. It returns when the
// probers have ended. Their results are kept.
func (m *monitor) run() {
	config := &m.w.config
	timer := time.NewTimer(config.Spread(min(config.Interval, time.Second)))
	defer timer.Stop()
	for m.ctx.Err() == nil {
		select {
		case <-m.ctx.Done():
		case <-timer.C:
			m.resolve()
			timer.Reset(config.Resolve*9/10 + config.Spread(config.Resolve/5))
		}
	}
	m.stop()
	m.probers.Wait()
	for range m.addresses {
		m.w.release()
	}
}

// lookupTimeout is the timeout of a look-up.
const lookupTimeout = 10 * time.Second

// resolve looks up the addresses of the target. If that fails, the addresses stay.
func (m *monitor) resolve() {
	ctx, cancel := context.WithTimeout(m.ctx, lookupTimeout)
	defer cancel()
	found, err := m.lookUp(ctx, m.w.config.Lookup)
	if m.ctx.Err() != nil {
		return
	}
	if err != nil {
		m.mu.Lock()
		m.failures++
		m.problem = err.Error()
		m.mu.Unlock()
		if m.failing.IsZero() {
			m.failing = time.Now()
			m.log.Warn("name not resolved, its last addresses are kept", slog.Int("addresses", len(m.addresses)), slog.Any("error", err))
		}
		return
	}
	if !m.failing.IsZero() {
		m.log.Info("name resolved again", slog.Duration("failed_for", time.Since(m.failing)))
		m.failing = time.Time{}
	}
	added, removed := m.members.update(found)
	for _, name := range removed {
		m.remove(name)
	}
	omitted := 0
	for _, name := range added {
		if !m.add(name) {
			omitted++
		}
	}
	m.setProblem(len(found), omitted)
}

// setProblem remembers why not all addresses are monitored, and logs it when it
// changes.
func (m *monitor) setProblem(found, omitted int) {
	problem := ""
	switch {
	case found == 0:
		problem = "the name has no addresses"
	case omitted > 0:
		problem = fmt.Sprintf("%d of %d addresses omitted: the limit of %d addresses is reached", omitted, found, m.w.config.MaxAddresses)
	}
	m.mu.Lock()
	before := m.problem
	m.problem = problem
	m.mu.Unlock()
	if problem != "" && problem != before {
		m.log.Warn("not all addresses are monitored", slog.String("why", problem))
	}
}

// add starts to monitor an address. It reports false if the limit is reached.
func (m *monitor) add(name string) bool {
	if !m.w.acquire() {
		return false
	}
	a := newAddress(name, m.w.started, m.w.config.DownAfter, m.log)
	prober, err := m.w.config.prober(m.Target, a)
	if err != nil {
		panic(err) // the Config was checked
	}
	ctx, stop := context.WithCancel(m.ctx)
	a.stop = stop
	m.members.add(name)
	m.mu.Lock()
	m.addresses = append(m.addresses, a)
	m.mu.Unlock()
	if m.All {
		m.log.Info("address added", slog.String("address", name), slog.Int("addresses", len(m.addresses)))
	}
	delay := m.w.config.Spread(m.w.config.Interval) // so that addresses get their probes at different times
	m.probers.Go(func() {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			prober.Run(ctx)
		case <-ctx.Done():
		}
	})
	return true
}

// remove stops to monitor an address, and forgets its results.
func (m *monitor) remove(name string) {
	i := slices.IndexFunc(m.addresses, func(a *address) bool { return a.name == name })
	m.addresses[i].stop()
	m.mu.Lock()
	m.addresses = slices.Delete(m.addresses, i, i+1)
	m.mu.Unlock()
	m.w.release()
	m.log.Info("address removed", slog.String("address", name), slog.Int("addresses", len(m.addresses)))
}

// maxMissed is how many consecutive answers of the resolver may lack an address before
// it is removed. An address that is not ready for a moment keeps its history. Failed
// look-ups do not count.
const maxMissed = 3

// members are the addresses of a target. It does no I/O.
type members struct {
	missed map[string]int // by address: the consecutive answers that lacked it
}

func newMembers() members { return members{make(map[string]int)} }

// update compares the members with an answer of the resolver. It returns the addresses
// that are new, and removes and returns those that were missing too often. A new address
// is a member only after add.
func (s members) update(answer []string) (added, removed []string) {
	for _, address := range answer {
		if _, known := s.missed[address]; !known {
			added = append(added, address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(s.missed)) {
		if slices.Contains(answer, address) {
			s.missed[address] = 0
			continue
		}
		if s.missed[address]++; s.missed[address] >= maxMissed {
			delete(s.missed, address)
			removed = append(removed, address)
		}
	}
	return added, removed
}

func (s members) add(address string) { s.missed[address] = 0 }
