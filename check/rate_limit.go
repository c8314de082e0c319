package check

import (
	"time"
)

// This file tells a limit on the rate of connects, e.g. of a firewall that answers those above
// it with a reset, from a server that was restarted.

// limitsRate reports whether connects are refused because of their rate: some of many at once
// are refused, while s, which was made before, still works. A server that was restarted accepts
// them all, and one that ends again ends s.
func limitsRate(p *probe, s *stream) bool {
	const most, longest = 100, 3 * time.Second
	for n, start := 0, time.Now(); n < most && time.Since(start) < longest; n += samples {
		err := atOnce(samples, func(int) error {
			one, err := p.open()
			if err == nil {
				one.Close()
			}
			return err
		})
		if classify(err) == Refused {
			return s.exchange(p.payload(0), p.payload(0), 1) == nil
		}
	}
	return false
}

// findRateLimit records the finding. Further rules run, and those whose connects are refused
// are skipped.
func (r *runner) findRateLimit(during []string) {
	r.rateLimit = &Result{
		Rule: aliveRule, Verdict: Fail, Class: Refused, Offset: -1,
		Detail:  "connects were refused during " + either(during) + " and accepted later; of many at once some are refused again, while a connection that is open works: a limit on the rate",
		Meaning: "Clients that connect often are refused for a while.",
		Cause:   "a limit on the rate of new connections: a firewall that rejects what is above it (iptables hashlimit or recent with REJECT), a proxy or the server",
		Remedy:  "raise the limit, or exempt the address of this client; if it is intended, run few rules at a time (--rule, --parallel 1)",
	}
}

// explainRefusals explains what was refused by the limit on the rate.
func (r *runner) explainRefusals() {
	for i, result := range r.results {
		switch {
		case result.Class != Refused:
		case result.Verdict == Error:
			r.results[i] = Result{Rule: result.Rule, Verdict: Skip, Offset: -1, Detail: "not tested: connects above a rate are refused", Elapsed: result.Elapsed}
		case result.Verdict == Fail:
			r.results[i].ExplainedBy = aliveRule
		}
	}
}
