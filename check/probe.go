package check

import (
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
	Options
	note string
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
	first.detail = many + " failed, the first with: " + first.detail
	return first
}
