package comparison

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// The rules of a case. docs: lab/compare/README.md, "Method".
const (
	precision    = 0.02 // of a comparison: then its servers leave the rounds; the default
	farPrecision = 0.05 // of one that is far from 1
	far          = 0.15 // so much is far
	minPairs     = 20   // of a comparison, before it may be decided
	maxPairs     = 200
	tries        = 3   // of a slice in one round
	fewSlices    = 30  // too few to say that too many are thrown away
	tooMany      = 0.5 // of all slices: then the case ends
)

// mostNew is the most connections of a case whose slices have new processes. To open more
// takes longer than a slice.
const mostNew = 1000

// staysUp reports whether the processes of a case stay up for all of its slices. Two
// processes of one program can differ by a tenth for as long as they run, e.g. by where their
// memory is. If each slice has new ones, this is a part of the interval.
func (m Case) staysUp() bool { return m.Workload.Conns > mostNew }

// cell is a case that runs.
type cell struct {
	Runner
	m       Case
	monitor monitor
	random  *rand.Rand
	running []contender // by server: those that stay up
	pairs   []Versus
	result  *Result
	// run runs one slice of a server, and returns what disturbed it.
	run func(ctx context.Context, server int) (Sample, *Disturbance, error)
}

// Run runs a case. It calls progress after each round, with the number of the round. It
// returns an error only if ctx is canceled; a server that fails is not an error.
func (b Runner) Run(ctx context.Context, m Case, progress func(round int, soFar Result)) (Result, error) {
	if m.Workload.Kind == Idle {
		return b.measureIdle(ctx, m, progress)
	}
	m.Servers = slices.Insert(slices.Clone(m.Servers), 1, Again(m.Servers[0]))
	result := Result{Workload: m.Workload, Free: m.Free}
	for _, s := range m.Servers {
		result.Servers = append(result.Servers, ServerResult{Name: s.Name})
	}
	c := b.newCell(m, &result)
	defer c.stop()
	c.rounds(ctx, progress)
	result.Comparisons = nil // those of servers that failed later
	c.compare(c.pairs)
	c.measureLatency(ctx, progress)
	c.stop()
	if m.Free {
		b.share(ctx, m, result.Servers)
	} else if b.Costs {
		b.measureCosts(ctx, m, result.Servers)
	}
	return result, ctx.Err()
}

func (b Runner) newCell(m Case, result *Result) *cell {
	h := fnv.New64a()
	h.Write([]byte(m.Key()))
	c := &cell{
		Runner: b, m: m, monitor: newMonitor(b.ServerCPU, b.ClientCPU), pairs: m.versus(), result: result,
		random:  rand.New(rand.NewPCG(b.Seed, h.Sum64())),
		running: make([]contender, len(m.Servers)),
	}
	c.run = c.slice
	return c
}

// versus returns the pairs that are compared: each server and the base, those of goals, and
// those of the case.
func (m Case) versus() []Versus {
	var all []Versus
	var names []string
	for i, s := range m.Servers {
		names = append(names, s.Name)
		if i > 0 {
			all = append(all, Versus{s.Name, m.Servers[0].Name})
		}
	}
	for _, goal := range goalsOf(m.Workload, m.Free, names) {
		if goal.Throughput > 0 && !slices.Contains(all, goal.Versus) {
			all = append(all, goal.Versus)
		}
	}
	return append(all, m.Pairs...)
}

// contender returns a server with its generators. They are new, unless they stay up. The
// caller calls done after its slice.
func (c *cell) contender(ctx context.Context, server int) (r contender, done func(), err error) {
	keep := func() {}
	if r = c.running[server]; r.server != nil {
		return r, keep, nil
	}
	if r, err = c.startContender(ctx, c.m.Servers[server], c.m); err != nil {
		return r, nil, err
	}
	if c.m.staysUp() {
		c.running[server] = r
		return r, keep, nil
	}
	return r, r.stop, nil
}

// stop stops the processes that stay up.
func (c *cell) stop() {
	for i, r := range c.running {
		if r.server != nil {
			r.stop()
		}
		c.running[i] = contender{}
	}
}

// rounds runs rounds until all comparisons are decided, the base has failed, too many slices
// were thrown away, or the limit of the rounds or of the time is reached.
func (c *cell) rounds(ctx context.Context, progress func(int, Result)) {
	start := time.Now()
	undecided := c.pairs
	for round := range c.MaxPairs {
		taking := c.taking(undecided)
		if ctx.Err() != nil || c.result.Servers[0].Failure != "" || len(taking) == 0 ||
			c.Limit > 0 && time.Since(start) > c.Limit {
			return
		}
		c.random.Shuffle(len(taking), func(i, j int) { taking[i], taking[j] = taking[j], taking[i] })
		for _, server := range taking {
			c.result.take(round, server, func() (Sample, *Disturbance, error) { return c.run(ctx, server) })
		}
		undecided = slices.DeleteFunc(slices.Clone(undecided), c.decided)
		progress(round, *c.result)
		if c.result.isDisturbed() {
			return
		}
	}
}

// taking returns the servers that take part in a round, by index: those of undecided
// comparisons.
func (c *cell) taking(undecided []Versus) []int {
	var all []int
	for i, s := range c.m.Servers {
		needed := func(v Versus) bool { return v.Server == s.Name || v.Base == s.Name }
		if c.result.ran(s.Name) && slices.ContainsFunc(undecided, needed) {
			all = append(all, i)
		}
	}
	return all
}

// decided compares two servers by throughput and reports whether the result is precise enough,
// or cannot become better.
func (c *cell) decided(v Versus) bool {
	server, _ := c.result.server(v.Server)
	base, _ := c.result.server(v.Base)
	if !c.result.ran(v.Server) || !c.result.ran(v.Base) {
		return true
	}
	ratios := Throughput.Ratios(server, base)
	if len(ratios) < min(minPairs, c.MaxPairs) {
		return false
	}
	t := IntervalOf(ratios, c.Seed)
	c.replace(Comparison{Versus: v, Throughput: t})
	return t.within(c.Precision) || (t.High < 1-far || t.Low > 1+far) && t.within(max(farPrecision, c.Precision))
}

// compare makes these comparisons from all slices.
func (c *cell) compare(pairs []Versus) {
	for _, v := range pairs {
		if got, ok := c.result.compare(v, c.Seed); ok {
			c.replace(got)
		}
	}
}

// replace adds a comparison in place of an earlier one.
func (c *cell) replace(got Comparison) {
	all := slices.DeleteFunc(c.result.Comparisons, func(old Comparison) bool { return old.Versus == got.Versus })
	c.result.Comparisons = append(all, got)
}

// take runs a slice of a server, again if it was disturbed.
func (r *Result) take(round, server int, slice func() (Sample, *Disturbance, error)) {
	entry := &r.Servers[server]
	for range tries {
		sample, disturbed, err := slice()
		if err != nil {
			entry.Failure = err.Error()
			return
		}
		r.Tried++
		if disturbed == nil {
			entry.Slices = append(entry.Slices, Slice{round, sample})
			return
		}
		entry.Discarded = append(entry.Discarded, Discard{round, *disturbed})
	}
}

// isDisturbed reports whether too many slices were thrown away.
func (r *Result) isDisturbed() bool {
	r.Disturbed = r.Tried >= fewSlices && float64(r.Discards()) > tooMany*float64(r.Tried)
	return r.Disturbed
}

// slice runs one slice of a server.
func (c *cell) slice(ctx context.Context, server int) (Sample, *Disturbance, error) {
	r, done, err := c.contender(ctx, server)
	if err != nil {
		return Sample{}, nil, err
	}
	defer done()
	return c.watch(r, func() (Sample, time.Duration, error) {
		s, err := r.slice(c.Measure, c.Warmup)
		return s, 0, err
	})
}

// watch calls run for a slice of a server, and returns what disturbed it. run also returns the
// CPU time of a generator that it has started and that has ended.
func (c *cell) watch(r contender, run func() (Sample, time.Duration, error)) (Sample, *Disturbance, error) {
	before, err := c.monitor.read(r.pids())
	if err != nil {
		return Sample{}, nil, err
	}
	sample, ended, err := run()
	if err != nil {
		return Sample{}, nil, err
	}
	after, err := c.monitor.read(r.pids())
	if err != nil {
		return Sample{}, nil, err
	}
	after.own += ended
	if c.Tolerance == 0 {
		return sample, nil, nil
	}
	return sample, disturbance(before, after, c.Tolerance, c.m.Free), nil
}
