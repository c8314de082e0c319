package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// probe is one run of one rule: the target, the options, and a note for the report.
type probe struct {
	ctx    context.Context
	rule   string
	target Target
	pinned string // the address of the target's name that it connects to; "" for any
	Options
	path Path

	connections *connections // counts what open makes; nil if nothing does
	sample      int          // which of several connections the rule runs on
	opened      *opened      // how many connections this sample has made; nil if nobody asks
	batches     *batches     // makes the connections of all samples; nil if there is one sample

	note       string
	compared   int64 // how many bytes came back on one connection, if the rule is in plainly
	terminated bool  // --agent is tls://, and the agent itself has no TLS: a terminator is in front of it
}

// setNote sets what the report says about the rule if it passes.
func (p *probe) setNote(format string, args ...any) { p.note = fmt.Sprintf(format, args...) }

// pause waits for d, or until the check is interrupted.
func (p *probe) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-p.ctx.Done():
	}
}

// ended reports whether ctx has ended. A dial that finds its deadline in the past returns
// before the timer of the context sets its error.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// withTimeout returns a context that bounds one step, e.g. a connect.
func (p *probe) withTimeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, p.Timeout)
}

// atOnce runs n calls concurrently. If some fail, it returns the first failure, with
// the number of failures in its detail. A failure takes precedence over an
// inconclusive error.
func atOnce(n int, call func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	wg.Wait()
	var first *failure
	var firstError error
	failed, inconclusive := 0, 0
	for _, err := range errs {
		var f *failure
		switch {
		case errors.As(err, &f):
			failed++
			if first == nil || isWrong(f) && !isWrong(first) { // a wrong byte says more than a timeout
				first = f
			}
		case err != nil:
			inconclusive++
			firstError = cmp.Or(firstError, err)
		}
	}
	var skip skipped
	switch {
	case first != nil:
		if n > 1 {
			first.detail = share(failed, n) + " failed, the first with: " + first.detail
		}
		return first
	case inconclusive < 2, errors.As(firstError, &skip):
		return firstError
	}
	return fmt.Errorf("%s failed, the first with: %w", share(inconclusive, n), firstError)
}

// share returns the words for k of n.
func share(k, n int) string {
	if k == n {
		return "all"
	}
	return fmt.Sprintf("%d of %d", k, n)
}
