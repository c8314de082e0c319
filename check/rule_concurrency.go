package check

import (
	"errors"
	"fmt"
	"sync"
)

var concurrency = Rule{
	ID:       "stream/concurrency",
	Networks: streams,
	Sends:    "from 5, then from 100 clients at once, each its own bytes, while one more is owed bytes and does not read",
	Expects:  "each its own",
	Meaning:  "Clients get in each other's way: one that stalls blocks the rest, bytes are mixed up, or connections run out.",
	stage:    crowd,
	run:      runConcurrency,
}

func runConcurrency(p *probe) error {
	idler, err := p.open()
	if err != nil {
		return err
	}
	defer idler.abort()
	idler.shrink()
	// Should it be cut off for not reading, that is another rule's.
	idler.fill(p.payload(0), mostOwed, standstill)
	for _, n := range []int{min(5, p.Conns), p.Conns} {
		if err := runCrowd(p, n); err != nil {
			return inCase(count(n, "client", "clients"), err)
		}
	}
	return nil
}

// runCrowd connects n clients, and only when all are there has them speak, all
// at once.
func runCrowd(p *probe, n int) error {
	clients := make([]*stream, n)
	defer func() {
		for _, s := range clients {
			if s != nil {
				s.Close()
			}
		}
	}()
	err := atOnce(n, func(i int) error {
		s, err := p.open()
		clients[i] = s
		return turnedAway(err)
	})
	if err != nil {
		return err
	}
	return atOnce(n, func(i int) error {
		out, back := p.payload(i+1), p.payload(i+1)
		for range 4 {
			if err := clients[i].exchange(out, back, 4<<10); err != nil {
				return err
			}
		}
		return nil
	})
}

// atOnce does n things side by side and tells how many failed and how the first
// of them did. A failure says more than a doubt.
func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	var first *failure
	failed := 0
	for _, err := range errs {
		var f *failure
		if errors.As(err, &f) {
			failed++
			if first == nil {
				first = f
			}
		}
	}
	if first == nil {
		return errors.Join(errs...)
	}
	many := fmt.Sprintf("%d of %d", failed, n)
	if failed == n {
		many = "all"
	}
	first.detail = many + " failed, the first so: " + first.detail
	return first
}

// turnedAway makes a failure of an error in connecting, which elsewhere is only
// a reason not to know: here, the number of connections is the question. What
// this machine could not do stays an error.
func turnedAway(err error) error {
	switch class := classify(err); class {
	case Refused, Reset, Timeout, PrematureEOF, TLS:
		return fail(class, "a connection could not be made: %v", errors.Unwrap(err))
	}
	return err
}
