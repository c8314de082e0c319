package check

import (
	"context"
	"testing"
	"time"
)

// lateContext is one whose timer is late: the deadline has passed, and there is no error yet.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now().Add(-time.Microsecond), true }

func TestABudgetHasEndedAtItsDeadline(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	later, stop := context.WithTimeout(context.Background(), time.Hour)
	defer stop()
	for name, tt := range map[string]struct {
		ctx  context.Context
		want bool
	}{
		"without a deadline": {context.Background(), false},
		"before it":          {later, false},
		"canceled":           {canceled, true},
		"a late timer":       {lateContext{context.Background()}, true},
	} {
		if got := ended(tt.ctx); got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
	}
}
