package check

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A limit on connections refuses one at once, and the rule then waits for its others.
func TestARefusalIsEarlyWhateverTheRuleWaitsForThen(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after time.Duration // the refusal
		want          bool          // whether the rule may pass when it runs again
	}{
		{"at once", 0, 0, true},
		{"at once, beside slow connections", 0, time.Minute, true},
		{"after something was tested", time.Minute, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			run := func(p *probe) error {
				p.opened.add()
				time.Sleep(tt.before)
				f := failAt(0, Reset, "refused")
				time.Sleep(tt.after)
				return f
			}
			got := (&probe{ctx: context.Background()}).runSample(Rule{run: run})
			if got.mayPass() != tt.want {
				t.Errorf("%s: got %t, want %t", tt.name, got.mayPass(), tt.want)
			}
		})
	}
}

// The connections of a rule that is not sampled cannot be compared.
func TestARuleThatFailsAgainElsewhereDoesNotFailOnSomeConnections(t *testing.T) {
	run := func(p *probe) error {
		for range 3 {
			p.opened.add()
		}
		return failAt(0, Reset, "refused again")
	}
	r := newRunner(t.Context(), Target{Network: "tcp"}, Options{Timeout: time.Second}.withDefaults(), 1)
	before := []sample{{err: failAt(0, Reset, "refused"), conns: 1}}
	got := r.runRule(t.Context(), Rule{ID: "x", run: run}, before).result
	if got.Verdict != Fail || got.Evidence == SomeConnections || got.Detail != "refused again" {
		t.Errorf("got %s %q: %s", got.Verdict, got.Evidence, got.Detail)
	}
}
