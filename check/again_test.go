package check_test

import (
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// starts runs rules and returns how often each of them started.
func starts(t *testing.T, target check.Target, o check.Options) map[string]int {
	t.Helper()
	started := make(map[string]int)
	o.Progress = func(p check.Progress) {
		if p.Result == nil && len(p.Running) > 0 {
			started[p.Running[len(p.Running)-1]]++
		}
	}
	report, err := check.Run(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	report.WriteText(t.Output(), false)
	for _, result := range report.Results {
		if result.Verdict != check.Fail && result.Verdict != check.Skip {
			t.Errorf("%s: got %s, want fail", result.Rule, result.Verdict)
		}
	}
	return started
}

// A rule beside which only rules run that need flags has run alone.
func TestARuleThatRanAloneDoesNotRunAgain(t *testing.T) {
	t.Parallel()
	target := parse(t, echotest.NewBroken(t, echotest.ServesOneAtATime()).URL())
	got := starts(t, target, check.Options{Timeout: 2 * time.Second, Rules: []string{"stream/concurrency", "stream/churn"}})
	if n := got["stream/concurrency"]; n != 1 {
		t.Errorf("stream/concurrency started %d times, want 1", n)
	}
}

// A limit on sizes is confirmed by stream/size-sweep alone. The rules that it explains have
// timed out for the same reason, and each would wait for the timeout once more.
func TestARuleThatAnotherExplainsDoesNotRunAgain(t *testing.T) {
	t.Parallel()
	target := parse(t, echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), echotest.NewServer(t).URL()).URL())
	got := starts(t, target, check.Options{Timeout: 2 * time.Second, Parallel: 8, Rules: []string{"stream/size-sweep", "stream/chunking", "stream/half-close"}})
	if got["stream/size-sweep"] != 2 || got["stream/chunking"] != 1 || got["stream/half-close"] != 1 {
		t.Errorf("got %v starts, want size-sweep to run again and no other", got)
	}
}
