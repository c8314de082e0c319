package echotest_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// TestACheckEndsWithinItsBudgetOnEveryFault runs the whole check against each fault with a
// budget that is too short for it. A rule that ignores the budget takes longer than grace: the
// fault makes it wait for much longer, or forever.
func TestACheckEndsWithinItsBudgetOnEveryFault(t *testing.T) {
	t.Parallel()
	const budget, grace = 2 * time.Second, 15 * time.Second
	rows := allRows()
	for _, f := range crawling {
		rows = append(rows, proxyRow(f))
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, activeRuns)
	for _, row := range rows {
		one := run{path: row.start(t)}
		one.options = one.path.options()
		one.options.Skip = nil
		one.options.Budget, one.options.Timeout, one.options.Stall = budget, check.DefaultTimeout, check.DefaultStall
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			start := time.Now()
			report, err := one.do()
			switch elapsed := time.Since(start); {
			case err != nil && !strings.Contains(err.Error(), "no answer within the budget"): // of a path that is slower
				t.Errorf("%s: %v", row.name, err)
			case elapsed > budget+grace:
				t.Errorf("%s: the check took %v, want at most the budget of %v", row.name, elapsed, budget)
				if report != nil {
					report.WriteText(t.Output(), false)
				}
			default:
				t.Logf("%v %s", elapsed.Round(time.Millisecond), row.name)
			}
		})
	}
	all.Wait()
}

// crawling lists paths on which one exchange takes longer than the budget.
var crawling = []echotest.ProxyFault{
	slowPath("has-16-kbit-per-second", "has an uplink of 16 kbit/s", uplink(2_000, 10*time.Millisecond)),
	slowPath("has-10-s", "has a round trip of 10 s", uplink(0, 5*time.Second)),
}
