package watch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// monitor is a target that is monitored.
type monitor struct {
	Target
	w        *Watcher
	log      *slog.Logger
	running  context.Context // as long as the Watcher runs
	ctx      context.Context
	stop     context.CancelFunc
	families []*family
	full     chan struct{} // another target needs room for an address; at most one request waits
	probers  sync.WaitGroup
	shortage string // why not all known addresses are monitored; "" if they are

	mu        sync.Mutex // also guards the members of the families
	labels    map[string]string
	addresses []*address // in the order in which they were added
	failures  map[Failure]uint64
	problem   string
}

// family is the addresses of a target on one network.
type family struct {
	network string // "ip4" or "ip6"; of a target that is not looked up: any
	members members
	looked  time.Time // when it was last looked up; zero: never
	failing time.Time // when look-ups began to fail; zero: they do not

	// found and err are the result of the last look-up.
	found []string
	err   error
}

func (w *Watcher) newMonitor(ctx context.Context, t Target) *monitor {
	m := &monitor{Target: t, w: w, full: make(chan struct{}, 1), running: ctx, labels: t.Labels, failures: make(map[Failure]uint64), log: w.config.Log.With(slog.String("target", t.URL))}
	m.ctx, m.stop = context.WithCancel(ctx)
	for _, network := range t.networks(ctx) {
		m.families = append(m.families, &family{network: network, members: make(members)})
	}
	return m
}

// setLabels replaces the labels of the target.
func (m *monitor) setLabels(labels map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.labels = labels
}

// run resolves the target again and again until it is stopped. It returns when the
// probers have ended. Their results are kept.
func (m *monitor) run() {
	config := &m.w.config
	timer := time.NewTimer(config.Spread(min(config.ping(m.Target, m.Dial).Interval, time.Second)))
	defer timer.Stop()
	for m.ctx.Err() == nil {
		select {
		case <-m.ctx.Done():
		case <-m.full:
			m.makeRoom()
		case <-timer.C:
			m.resolve()
			timer.Reset(config.Resolve*9/10 + config.Spread(config.Resolve/5))
		}
	}
	m.stop()
	m.w.offerRoom(m, false)
	m.probers.Wait()
	for _, a := range m.addresses {
		m.w.sampler.remove(a.sampled)
		m.w.release()
	}
}

// lookupTimeout is the timeout of a look-up.
const lookupTimeout = 10 * time.Second

// resolve looks up the addresses of the target on all its networks at the same time. The
// addresses of a network whose look-up fails stay.
func (m *monitor) resolve() {
	ctx, cancel := context.WithTimeout(m.ctx, lookupTimeout)
	defer cancel()
	answered := make(chan *family, len(m.families))
	for _, f := range m.families {
		go func() {
			f.found, f.err = m.lookUp(ctx, f.network, m.w.config.Lookup)
			answered <- f
		}()
	}
	omitted := 0
	for range m.families {
		f := <-answered // the one that is answered first does not wait for the other
		if m.ctx.Err() != nil {
			continue
		}
		for _, name := range m.update(f) {
			if !m.add(f, name) {
				omitted++
			}
		}
	}
	if m.ctx.Err() == nil {
		m.setProblem(omitted)
		m.w.offerRoom(m, m.missing() != "")
	}
}

// update handles the result of the last look-up of f. It removes addresses, and returns
// those that are new.
func (m *monitor) update(f *family) (added []string) {
	before := f.looked
	f.looked = time.Now()
	if f.err != nil {
		m.mu.Lock()
		m.failures[Failure{f.network, reasonOf(f.err)}]++
		m.mu.Unlock()
		if f.failing.IsZero() {
			f.failing = f.looked
			m.log.Warn("name not resolved, its last addresses are kept", slog.String("network", f.network),
				slog.Int("addresses", len(f.members)), slog.Any("error", f.err))
		}
		return nil
	}
	if !f.failing.IsZero() {
		m.log.Info("name resolved again", slog.String("network", f.network), slog.Duration("failed_for", f.looked.Sub(f.failing)))
		f.failing = time.Time{}
	}
	m.mu.Lock()
	added, removed := f.members.update(f.found, f.looked.Sub(before), m.w.config.Keep, m.isUp)
	m.mu.Unlock()
	for _, name := range removed {
		m.remove(name)
	}
	return added
}

// isUp reports whether an address answers.
func (m *monitor) isUp(name string) bool {
	a := m.addresses[m.index(name)]
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outage.up
}

func (m *monitor) index(name string) int {
	return slices.IndexFunc(m.addresses, func(a *address) bool { return a.name == name })
}

// setProblem remembers why not all addresses are known or monitored. It logs when others
// than failed look-ups begin.
func (m *monitor) setProblem(omitted int) {
	var all []string
	found, shortage := 0, ""
	for _, f := range m.families {
		found += len(f.found)
		if f.err != nil {
			all = append(all, map[string]string{"ip4": "IPv4", "ip6": "IPv6"}[f.network]+" addresses not known: "+f.err.Error())
		}
	}
	switch {
	case omitted > 0:
		shortage = fmt.Sprintf("%d of %d addresses omitted: the limit of %d addresses is reached", omitted, found, m.w.config.MaxAddresses)
	case found == 0 && len(all) == 0:
		shortage = "the name has no addresses"
	}
	if shortage != "" {
		all = append(all, shortage)
	}
	m.mu.Lock()
	m.problem = strings.Join(all, "; ")
	m.mu.Unlock()
	if shortage != "" && shortage != m.shortage {
		m.log.Warn("not all addresses are monitored", slog.String("why", shortage))
	}
	m.shortage = shortage
}

// add starts to monitor an address of f. If the limit is reached, it removes an address
// that has left the answers. If there is none, it asks the other targets to do so, and
// reports false.
func (m *monitor) add(f *family, name string) bool {
	if !m.w.acquire() && (!m.makeRoom() || !m.w.acquire()) {
		m.w.askForRoom()
		return false
	}
	a := newAddress(name, m.w.started, m.w.config.DownAfter, m.log)
	ctx, stop := context.WithCancel(m.ctx)
	a.stop = stop
	if m.w.caller.onChange != nil {
		waiting := &waiting{caller: m.w.caller, log: a.log, alive: ctx}
		a.changed = func(t Transition) { waiting.add(m.running, m.complete(t, a)) }
	}
	if m.w.config.Sample > 0 {
		a.sampled = newSampled(m.Target, name)
	}
	prober, err := m.w.prober(m.Target, a)
	if err != nil {
		panic(err) // the Config was checked
	}
	m.mu.Lock()
	f.members[name] = 0
	m.addresses = append(m.addresses, a)
	m.mu.Unlock()
	if m.All {
		m.log.Info("address added", slog.String("address", name), slog.Int("addresses", len(m.addresses)))
	}
	if a.sampled != nil {
		m.w.sampler.add(a.sampled)
		m.probers.Go(func() { prober.Run(ctx) })
		return true
	}
	delay := m.w.config.Spread(m.w.config.ping(m.Target, m.Dial).Interval) // so that addresses get their probes at different times
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

// complete adds to t what a and its target know.
func (m *monitor) complete(t Transition, a *address) Transition {
	m.mu.Lock()
	t.Target, t.Address, t.Labels = m.URL, a.name, m.labels
	m.mu.Unlock()
	a.mu.Lock()
	t.Class = a.state.Class
	a.mu.Unlock()
	return t
}

// makeRoom removes the address that has been missing from the answers for the longest time.
// It reports false if none is missing.
func (m *monitor) makeRoom() bool {
	name := m.missing()
	if name != "" {
		m.remove(name)
	}
	return name != ""
}

// missing returns the address that the answers have lacked for the longest time; "" if there
// is none.
func (m *monitor) missing() (name string) {
	longest := time.Duration(0)
	for _, f := range m.families {
		for member, missing := range f.members {
			if missing > longest {
				name, longest = member, missing
			}
		}
	}
	return name
}

// remove stops to monitor an address, and forgets its results.
func (m *monitor) remove(name string) {
	i := m.index(name)
	m.addresses[i].stop()
	m.w.sampler.remove(m.addresses[i].sampled)
	m.mu.Lock()
	m.addresses = slices.Delete(m.addresses, i, i+1)
	for _, f := range m.families {
		delete(f.members, name)
	}
	m.mu.Unlock()
	m.w.release()
	m.log.Info("address removed", slog.String("address", name), slog.Int("addresses", len(m.addresses)))
}
