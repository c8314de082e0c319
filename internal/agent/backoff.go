package agent

import (
	"context"
	"time"
)

// The pause after an error that may come again at once: it doubles from one to
// the next.
const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
)

// backoff spaces out retries. The zero value is ready to use, and is what a
// success resets it to.
type backoff struct{ last time.Duration }

// wait pauses, or returns earlier if ctx ends.
func (b *backoff) wait(ctx context.Context) {
	b.last = min(max(2*b.last, minBackoff), maxBackoff)
	timer := time.NewTimer(b.last)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
