package spread

import (
	"errors"
	"slices"
	"sync"

	"echod/internal/load"
)

// progress adds up what the workers report while they run: the first second of all, then the next.
type progress struct {
	observe func(Progress)

	mu      sync.Mutex
	latest  []load.Progress
	seconds [][]load.Interval // of each worker, that are not yet added up
	over    []bool            // nothing more is sent
	done    []bool            // its result is here
}

// maxSeconds is how many seconds a worker may be ahead of another one.
const maxSeconds = 60

func newProgress(workers int, observe func(Progress)) *progress {
	if observe == nil {
		observe = func(Progress) {}
	}
	return &progress{observe: observe, latest: make([]load.Progress, workers), seconds: make([][]load.Interval, workers),
		over: make([]bool, workers), done: make([]bool, workers)}
}

// add adds what worker i reports.
func (p *progress) add(i int, now load.Progress) error {
	in, total := now.Interval, now.Total
	if min(in.Due, in.Answered, in.BytesIn, in.Failed, in.Lost, int64(in.Conns), total.Due, total.Answered, total.Lost) < 0 || in.Seconds < 0 || now.At < 0 {
		return errors.New("reports a negative number")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest[i] = now
	switch {
	case now.Warmup:
		whole := p.sum(load.Interval{})
		whole.Warmup = true
		p.observe(whole)
		return nil
	case now.Draining:
		p.over[i] = true
	case len(p.seconds[i]) == maxSeconds:
		return errors.New("reports more seconds than others have had")
	default:
		p.seconds[i] = append(p.seconds[i], in)
	}
	p.flush()
	return nil
}

// ended says that the result of worker i is here.
func (p *progress) ended(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over[i], p.done[i] = true, true
	p.flush()
}

// flush reports each second that all workers have reported, except for those whose load is over.
func (p *progress) flush() {
	for p.complete() {
		var second load.Interval
		for i, queue := range p.seconds {
			if len(queue) > 0 {
				second.Add(queue[0])
				p.seconds[i] = queue[1:]
			}
		}
		p.observe(p.sum(second))
	}
	if !slices.Contains(p.over, false) {
		whole := p.sum(load.Interval{})
		whole.Draining = true
		p.observe(whole)
	}
}

// complete reports whether there is a second that no worker has yet to report.
func (p *progress) complete() bool {
	found := false
	for i, queue := range p.seconds {
		if len(queue) == 0 && !p.over[i] {
			return false
		}
		found = found || len(queue) > 0
	}
	return found
}

// sum returns the state of all workers, of which in is the last second.
func (p *progress) sum(in load.Interval) Progress {
	whole := Progress{Workers: len(p.latest)}
	whole.Interval = in
	whole.Total.Failed = load.Classes{}
	for i, l := range p.latest {
		whole.At, whole.Of = max(whole.At, l.At), max(whole.Of, l.Of)
		whole.Total.Due += l.Total.Due
		whole.Total.Answered += l.Total.Answered
		whole.Total.Lost += l.Total.Lost
		for class, n := range l.Total.Failed {
			whole.Total.Failed[class] += n
		}
		if !p.done[i] {
			whole.Running++
		}
	}
	return whole
}
