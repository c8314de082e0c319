package check

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

var manyConnections = Rule{
	ID:       "stream/many-connections",
	Networks: streams,
	Sends:    "1 KiB and a FIN on each of 100 connections, five at a time; on a slow path, of as many as fit into 5 s, or of 23 if they fit into 15 s",
	Expects:  "the same bytes, then a FIN, on each of them",
	Meaning:  "Some connections are served, others are not.",
	Causes:   []Cause{finMissing},
	many:     true,
	run: func(p *probe) error {
		s, err := p.openHalfClosable()
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.exchange(p.payload(0), p.payload(0), 1<<10); err != nil {
			return err
		}
		if err := s.closeWrite(); err != nil {
			return err
		}
		return s.expectFIN()
	},
}

const (
	mostMany    = 100 // connections
	manyTime    = 5 * time.Second
	leastMany   = 23 // connections that meet one of 1 in 8
	longestMany = 3 * manyTime
	metWith     = 0.95 // the probability that the note names
)

// runMany runs the rule on up to mostMany connections, a few at a time, until one fails. After
// manyTime it makes no more than leastMany, and after longestMany no further ones. If some of
// those before were refused, it makes one after the other until longestMany: connections that
// have just ended may still count against a limit.
func (p *probe) runMany(rule Rule, before []sample) []sample {
	var (
		mu      sync.Mutex
		all     []sample
		wg      sync.WaitGroup
		start   = time.Now()
		workers = samples
		least   = leastMany
		started int
	)
	if slices.ContainsFunc(before, func(s sample) bool { return isRefused(s.err) }) {
		workers, least = 1, mostMany
	}
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		elapsed := time.Since(start)
		over := elapsed > longestMany || elapsed > manyTime && started >= least
		if started > 0 && (over || started == mostMany || failedSamples(all) > 0) {
			return false
		}
		started++
		return true
	}
	for range workers {
		wg.Go(func() {
			for next() {
				one := *p
				result := one.runSample(rule)
				mu.Lock()
				all = append(all, result)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if passed := len(all) - failedSamples(all); passed > 0 {
		all[0].note = manyNote(passed)
	}
	return all
}

// manyNote says how small a share of bad connections n that passed would have met.
func manyNote(n int) string {
	return fmt.Sprintf("%s passed: if 1 in %d were bad, one would have been met with a probability of %.0f %%",
		count(n, "connection", "connections"), oneIn(n), 100*metWith)
}

// oneIn returns the largest k for which n connections meet a bad one with the probability
// metWith, if 1 in k is bad at random: 1 - (1-1/k)^n.
func oneIn(n int) int {
	share := 1 - math.Pow(1-metWith, 1/float64(n))
	return max(1, int(1/share))
}
