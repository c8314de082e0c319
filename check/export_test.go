package check

import (
	"context"
	"time"
)

// RunLateAnswers runs stream/half-close-late with other delays and another keepalive.
func RunLateAnswers(ctx context.Context, o Options, delays []time.Duration, keepAlive time.Duration) Result {
	p := &probe{ctx: ctx, rule: halfCloseLate.ID, Options: o.withDefaults()}
	err := expectLateAnswers(p, delays, keepAlive, "")
	return newResult(halfCloseLate, p.note, err)
}
