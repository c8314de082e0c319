package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file finds out whether the server still accepts connections. A server that a rule
// has ended would otherwise be one failure and many inconclusive rules.

// aliveRule names the finding that the server stopped accepting. It has the place of a
// rule in a report.
const aliveRule = "target/alive"

// connections counts the connections that rules have made, and remembers the rules that
// ran when one was first refused, not answered or broken.
type connections struct {
	turn     sync.RWMutex // held for writing while the connections of several samples are made
	mu       sync.Mutex
	made     int
	forgiven int             // failed at first, and passed when tried again
	most     int             // that were open at the same time
	open     int             // now
	failed   bool            // a connect was refused or not answered
	refused  time.Time       // when connects were refused after a connection broke; zero if they were not
	during   []string        // the rules that ran at the first failure; nil if there is none
	running  func() []string // the rules that run now, or have just run
}

// enter waits until the caller may connect: while the connections of several samples are
// made, nobody else connects. After a connect was not answered, nobody waits. It returns
// the function that ends this.
func (c *connections) enter(samples bool) (leave func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if !samples || failed {
		c.turn.RLock()
		return c.turn.RUnlock
	}
	c.turn.Lock()
	return c.turn.Unlock
}

// forgive counts connections that failed at first, and passed when tried again.
func (c *connections) forgive(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgiven += n
}

// count counts a connect that ended with err, nil if the connection was made.
func (c *connections) count(err error) {
	if c == nil {
		return
	}
	class := classify(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.made++
	case class == Refused || class == Timeout:
		c.failed = true
		c.remember()
	}
}

// opened counts a connection that is open. closed is called when it is closed.
func (c *connections) opened() (closed func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.most = max(c.most, c.open)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
	}
}

// belowMost reports whether fewer connections are open than worked at the same time before: a
// connect that is refused then has not met a limit on connections.
func (c *connections) belowMost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open < c.most
}

// countResult remembers a rule whose connection was broken.
func (c *connections) countResult(class Class) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if broken(class) {
		c.remember()
	}
}

func (c *connections) remember() {
	if c.during == nil {
		c.during = c.running()
	}
}

// failures returns the rules that ran at the first failure since the last call, nil if there
// was none, whether a connect failed, and when the server was found to refuse connects.
func (c *connections) failures() (during []string, connects bool, refused time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	during, connects, refused = c.during, c.failed, c.refused
	c.during, c.failed, c.refused = nil, false, time.Time{}
	return during, connects, refused
}

const (
	askAfter = time.Second // between two attempts, and before the first if a connect failed
	mostAsks = 5
)

// checkAlive connects again, alone, if connections have failed. If the server accepts the
// first attempt, they failed for another reason, e.g. a limit on connections. Otherwise the
// server has stopped, and no more rules run.
func (r *runner) checkAlive() {
	during, connects, refused := r.connections.failures()
	r.connectAlone(during, connects, refused)
}

// askAtOnce finds out, when a connection of a rule has been broken, whether the server is
// gone: one that is restarted may be back before the stage has ended.
func (r *runner) askAtOnce(broken Class) {
	if broken != Reset && broken != PrematureEOF {
		return
	}
	const attempts, between = 3, askAfter / 3
	p := &probe{ctx: r.ctx, target: r.target, pinned: r.pinned, Options: r.options}
	start := time.Now()
	for range attempts {
		if !r.connections.belowMost() {
			return
		}
		leave := r.connections.enter(false)
		s, err := p.open()
		leave()
		if err == nil {
			s.Close()
		}
		if classify(err) != Refused {
			return
		}
		p.pause(between)
	}
	r.connections.mu.Lock()
	defer r.connections.mu.Unlock()
	r.connections.refused = start
	r.connections.remember()
}

// checkAliveBetween connects before a stage: then rules of the stage before have not
// stopped the server.
func (r *runner) checkAliveBetween() {
	if during := r.progress.running(); len(during) > 0 {
		r.connectAlone(during, false, time.Time{})
	}
	r.progress.forget()
}

// connectAlone is checkAlive for failures that the caller knows. gone is when the server was
// found to refuse connects, zero if it was not.
func (r *runner) connectAlone(during []string, connects bool, gone time.Time) {
	if during == nil || r.stopped != nil || r.rateLimit != nil || r.ctx.Err() != nil {
		return
	}
	slices.Sort(during)
	p := &probe{ctx: r.ctx, target: r.target, pinned: r.pinned, Options: r.options}
	start, refused, back := time.Now(), !gone.IsZero(), "after"
	if refused {
		start, back = gone, "within"
	}
	for i := range mostAsks {
		if i > 0 || connects {
			p.pause(askAfter)
		}
		s, err := p.open()
		if err == nil {
			defer s.Close()
		}
		// A busy machine may take seconds to answer a connect. Only the first has that time.
		p.Timeout = min(p.Timeout, 2*time.Second)
		class := classify(err)
		refused = refused || class == Refused
		switch {
		case r.ctx.Err() != nil, i == 0 && gone.IsZero() && class != Refused && class != Timeout:
			return
		case refused && err == nil && limitsRate(p, s):
			r.findRateLimit(during)
			return
		case class != Refused && class != Timeout:
			r.stop(during, refused, fmt.Sprintf("%s %v", back, time.Since(start).Round(time.Second)))
			return
		}
	}
	r.stop(during, refused, "")
}

// stop records the finding. refused reports whether a connect was refused: that of a
// process that ended is, and one that is only dropped has other reasons. back is when
// the server accepted again, e.g. "after 2s", "" if it did not. If no rule had a connection, the
// server has served only the clients that identified it.
func (r *runner) stop(during []string, refused bool, back string) {
	what := "the server stopped accepting"
	cause := Cause{
		Meaning: "One client can end the service for all others.",
		Text:    "the process ended, e.g. by SIGPIPE when it wrote to a connection that the client had closed, or its accept loop ended with an error",
		Remedy:  "ignore SIGPIPE (MSG_NOSIGNAL), and end only the connection on which an error occurs; the exit status and the log of the server say more",
	}
	class, when, after := Refused, "during "+either(during), "did not come back"
	if back != "" {
		after = "came back " + back + ": restarted?"
	}
	switch {
	case !refused:
		class, what, after = Timeout, "connects were not answered any more", "are still not answered"
		if back != "" {
			after = "were answered again " + back
		}
		cause = Cause{
			Meaning: "One client can use up what others need to connect.",
			Text:    "a table of connections that is full (conntrack, a NAT), a firewall that blocks the client for its many connections, or a server that does not accept any more, so that its accept queue is full",
			Remedy:  "look with tcpdump on both sides where the SYN is lost; make the table larger (sysctl net.netfilter.nf_conntrack_max), and its timeouts for closed connections shorter",
		}
	case r.connections.made == 0:
		when = "after its first clients"
		cause = Cause{
			Meaning: "The service ends with its first clients.",
			Text:    "a server that serves one client and ends (nc -l, socat without fork), or one that ends when a client leaves",
			Remedy:  "accept further clients (ncat -l -k, socat fork); the exit status and the log of the server say more",
		}
	}
	r.stopped = &Result{
		Rule: aliveRule, Verdict: Fail, Class: class, Offset: -1, Detail: what + " " + when + " and " + after,
		Meaning: cause.Meaning, Cause: cause.Text, Remedy: cause.Remedy,
	}
	r.stoppedDuring = during
	r.skipReason = "not run: " + what
}

// either returns "a", "a or b", or "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// undecided returns the result of a rule whose failure, first, may be due to other rules, and
// that cannot run again alone, because the server has stopped.
func (r *runner) undecided(rule Rule, first Result) Result {
	if first.Class != Timeout {
		return first
	}
	skip := newResult(rule, "", skipped("timed out beside other rules, and then "+r.skipReason))
	skip.Elapsed = first.Elapsed
	return skip
}

// notRepeated returns the result of a rule that failed at first, and that the budget ended when
// it ran again, as again says. Other rules may have caused a timeout, so it is inconclusive; but
// that a connection was refused or broken is a failure.
func (r *runner) notRepeated(first outcome, again Result) Result {
	if r.options.Strict || slices.ContainsFunc(first.samples, func(s sample) bool { return s.err != nil && !isTimeout(s.err) }) {
		return first.result
	}
	again.Verdict, again.Class = Error, Timeout
	again.Detail = "timed out beside other rules, and to run again alone " + again.Detail
	return again
}

// allResults returns the results with the finding first. Rules that could not connect after
// the server had stopped have not run. It explains connections that broke then.
func (r *runner) allResults() []Result {
	if r.rateLimit != nil {
		r.explainRefusals()
		return append([]Result{*r.rateLimit}, r.results...)
	}
	if r.stopped == nil {
		return r.results
	}
	for i, result := range r.results {
		switch {
		case result.Verdict == Error && (result.Class == Refused || result.Class == Timeout):
			r.results[i] = Result{Rule: result.Rule, Verdict: Skip, Offset: -1, Detail: r.skipReason, Elapsed: result.Elapsed}
		case result.Verdict == Fail && broken(result.Class) && slices.Contains(r.stoppedDuring, result.Rule):
			r.results[i].ExplainedBy = aliveRule
		}
	}
	return append([]Result{*r.stopped}, r.results...)
}

// withBudget returns the context of the rules of a stage: the budget of the run ends it.
// Later stages with rules keep a part of the budget.
func (r *runner) withBudget(rules []Rule, s stage) (context.Context, context.CancelFunc) {
	share := 1.0
	if slices.ContainsFunc(rules, func(rule Rule) bool { return rule.stage > s }) {
		share = shares[s]
	}
	return withBudget(r.ctx, r.start, time.Duration(share*float64(r.options.Budget)))
}

// withBudget returns the context of what began at start, which a budget ends; 0 is none.
func withBudget(ctx context.Context, start time.Time, budget time.Duration) (context.Context, context.CancelFunc) {
	if budget <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, start.Add(budget))
}

// shares are the parts of the budget after which a stage has ended, if others follow.
var shares = [numStages]float64{light: 0.5, stalled: 0.7, crowd: 0.9, flood: 1}
