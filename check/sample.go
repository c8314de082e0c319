package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// This file runs a rule on several connections. A balancer behind the address may have a
// bad server among good ones: the verdict on one connection is the verdict on one server.
// docs/adr/0015-samples.md says why it is done here and not in the rules.

// samples is on how many connections a rule runs that has Rule.sampled. They are made one
// directly after the other, so each of up to this many servers in turn gets one.
const samples = 5

// perSample returns n, or fewer bytes on a slow path: all samples of a rule together send no
// more than the path carries in a second.
func (p *probe) perSample(n int) int {
	return int(p.path.carries(time.Second/samples, 8<<10, int64(n)))
}

// sample is the result of a rule on one of the connections.
type sample struct {
	err      error
	note     string
	compared int64         // as in probe
	conns    int           // how many connections it made: if it failed, on the last of them
	elapsed  time.Duration // of a rule on several connections, since this sample made its last one
}

// mostRefused is how soon a sample fails that has met a limit on connections: see
// sample.elapsed. One that fails later has tested something.
const mostRefused = time.Second

// mayPass reports whether the sample failed, and a busy machine or a limit on connections
// may be the reason.
func (s sample) mayPass() bool {
	return isTimeout(s.err) || isRefused(s.err) && s.elapsed < mostRefused
}

// runSamples runs the rule, on several connections side by side if it has Rule.sampled.
func (p *probe) runSamples(rule Rule) []sample {
	switch {
	case rule.many:
		return p.runMany(rule, nil)
	case !rule.sampled:
		return []sample{p.runSample(rule)}
	}
	var (
		wg   sync.WaitGroup
		all  = make([]sample, samples)
		line = &batches{next: make([]int, samples), ended: make([]bool, samples)}
	)
	for i := range all {
		wg.Go(func() {
			one := *p
			one.sample, one.batches = i, line
			all[i] = one.runSample(rule)
			line.end(i)
		})
	}
	wg.Wait()
	return all
}

// runInTurn runs the rule again on as many connections as runSamples, one after another, up to
// the first failure. before are the first samples.
func (p *probe) runInTurn(rule Rule, before []sample) (all []sample) {
	if rule.many {
		return p.runMany(rule, before)
	}
	for i := range rule.Connections() {
		one := *p
		one.sample = i
		all = append(all, one.runSample(rule))
		if all[i].err != nil {
			break
		}
	}
	return all
}

func (p *probe) runSample(rule Rule) sample {
	start := time.Now()
	p.opened = &opened{last: start}
	err := rule.run(p)
	end := time.Now()
	if f, ok := errors.AsType[*failure](err); ok {
		end = f.at
		p.locate(f)
		p.opened.attach(f)
	}
	conns, last := p.opened.read()
	if !rule.sampled && !rule.many { // e.g. stream/aborts: it has used up what later connections need
		last = start
	}
	return sample{err, p.note, p.compared, conns, end.Sub(last)}
}

// opened is how many connections a sample has made, and when the last of them.
type opened struct {
	mu    sync.Mutex
	conns int
	last  time.Time

	streams int
	only    *stream // if there is one
}

// made counts a stream.
func (o *opened) made(s *stream) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.streams++; o.streams == 1 {
		o.only = s
	} else {
		o.only = nil
	}
}

// attach says on which connection f was found, if the sample had only one and f does not say
// it.
func (o *opened) attach(f *failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.on == nil {
		f.foundOn(o.only)
	}
}

// add counts a connection that was made, or could not be made.
func (o *opened) add() {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conns, o.last = o.conns+1, time.Now()
}

func (o *opened) read() (conns int, last time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.conns, o.last
}

// join returns the note and the error of all samples together. A failure takes precedence
// over an inconclusive error. If others passed where the first one failed, the error says on
// how many connections.
func join(all []sample) (note string, err error) {
	var first *sample
	for i, s := range all {
		note = cmp.Or(note, s.note)
		if s.err != nil && (first == nil || s.before(*first)) {
			first = &all[i]
		}
	}
	if first == nil {
		return note, nil
	}
	failed, passed := 0, 0
	for _, s := range all {
		switch {
		case s.err == nil, s.conns > first.conns:
			passed++
		case s.conns == first.conns && s.kind() != isSkip:
			failed++
		}
	}
	some := fmt.Sprintf("on %d of %d connections: ", failed, failed+passed)
	switch kind := first.kind(); {
	case kind == isSkip, passed == 0:
		return note, first.err
	case kind == isFailure:
		f, _ := errors.AsType[*failure](first.err)
		one := *f // the sample keeps its own
		one.detail, one.evidence = some+one.detail, SomeConnections
		return note, &one
	}
	return note, fmt.Errorf("%s%w", some, first.err)
}

// The kinds of errors of samples, the one first that is reported rather than others.
const (
	isFailure = iota
	isInconclusive
	isSkip
)

func (s sample) kind() int {
	if _, ok := errors.AsType[skipped](s.err); ok {
		return isSkip
	}
	if _, ok := errors.AsType[*failure](s.err); ok {
		return isFailure
	}
	return isInconclusive
}

// before reports whether to report s and not other. Of two errors of one kind that is the one
// on an earlier connection of its sample: there, the most others can have passed.
func (s sample) before(other sample) bool {
	return cmp.Or(s.kind()-other.kind(), s.conns-other.conns) < 0
}

// failedSamples returns how many samples did not pass.
func failedSamples(all []sample) int {
	n := 0
	for _, s := range all {
		if s.err != nil {
			n++
		}
	}
	return n
}

// mayRunAgain reports whether every sample that failed may pass when the rule runs alone.
func mayRunAgain(all []sample) bool {
	return failedSamples(all) > 0 && !slices.ContainsFunc(all, func(s sample) bool { return s.err != nil && !s.mayPass() })
}

// batches makes the connections of the samples of a rule. The first connections of all
// samples are made together, then the second ones, and so on.
type batches struct {
	mu    sync.Mutex
	made  [][]attempt
	next  []int  // for each sample: the batch of its next connection
	ended []bool // samples that need no more connections
}

// attempt is the result of one connect.
type attempt struct {
	conn  net.Conn
	began time.Time // when the connect began
	err   error
}

// take returns the next connection of sample i.
func (b *batches) take(i int, connect func() []attempt) attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next[i] == len(b.made) {
		b.made = append(b.made, connect())
	}
	a := b.made[b.next[i]][i]
	b.next[i]++
	return a
}

// end closes the connections that sample i has not taken.
func (b *batches) end(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended[i] = true
	for _, batch := range b.made[b.next[i]:] {
		if conn := batch[i].conn; conn != nil {
			conn.Close()
		}
	}
}

// dialer makes one connection.
type dialer func(context.Context) (net.Conn, error)

func (d dialer) attempt(ctx context.Context) attempt {
	began := time.Now()
	conn, err := d(ctx)
	return attempt{conn, began, err}
}

// connect makes a connection with dial within the timeout. For a rule that runs on several
// connections it makes one for each sample, and meanwhile no other rule connects: a
// balancer that takes its servers in turn uses a different one for each.
func (p *probe) connect(dial dialer) attempt {
	defer p.opened.add()
	if p.batches == nil {
		defer p.connections.enter(false)()
		ctx, cancel := p.withTimeout()
		defer cancel()
		return dial.attempt(ctx)
	}
	return p.batches.take(p.sample, func() []attempt {
		defer p.connections.enter(true)()
		ctx, cancel := p.withTimeout()
		defer cancel()
		var wg sync.WaitGroup
		batch := make([]attempt, samples)
		for i := range batch {
			if !p.batches.ended[i] {
				wg.Go(func() { batch[i] = dial.attempt(ctx) })
			}
		}
		wg.Wait()
		return batch
	})
}
