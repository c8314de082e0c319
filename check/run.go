// Package check reports whether an echo service, and the path to it, is honest: every
// byte that was sent comes back unchanged, and the end of a stream means what it says.
//
// [Run] checks a [Target] against the [Rules] that fit its network and returns a
// [Report]. First it finds out whether the target is an echo at all: see [NotEcho]. Each
// rule sends something over real sockets and examines what comes back. A failure says what
// was seen, at which byte, and what that means; where it is known, also a likely cause and
// a remedy. [Compare] takes two reports, one through a path and one directly, and says
// whether the path or the server is at fault.
//
// All bytes are made from a seed, so a check can be repeated exactly.
package check

//go:generate go run echod/internal/rulesdoc ../docs/rules.md

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Run checks target against the rules that fit its network. A target that breaks
// rules is not an error: see the Report. Nor is a target that is not an echo at all: no
// rule runs then, and the Report has a NotEcho, unless o.Anyway is set.
//
// The error is a *UsageError if target or o are invalid, and an *UnreachableError if
// the target does not answer; then there is no report. If ctx ends, the error is that
// of ctx, and the report has the results so far.
func Run(ctx context.Context, target Target, o Options) (*Report, error) {
	start := time.Now()
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	rules, err := choose(target.Network, o.Rules, o.Skip)
	if err != nil {
		return nil, err
	}
	report, err := Identify(ctx, target, o)
	if err != nil || report.NotEcho != nil {
		return report, err
	}
	r := newRunner(ctx, target, o, len(rules))
	r.pinned = report.pinned()
	r.start = start
	if target.Network != "udp" {
		budget, cancel := r.withBudget(rules, last)
		defer cancel()
		r.path = measure(r.measureProbe(budget))
		r.runFirstByte(budget, rules)
	}
	for s := range numStages {
		r.runStage(rules, s)
	}
	results := r.allResults()
	explain(results, r.compared.bytes)
	report.Path, report.Results, report.Retried, report.Connections = r.path, results, r.connections.forgiven, r.connections.made
	report.Elapsed, report.Interrupted = time.Since(start), ctx.Err() != nil
	return report, ctx.Err()
}

// runner is the state of one Run.
type runner struct {
	ctx      context.Context
	target   Target
	pinned   string // the address of its name that all connections go to; "" if it has no name
	options  Options
	path     Path
	results  []Result
	progress progress

	compared      compared
	start         time.Time
	connections   connections
	stoppedDuring []string // the rules that ran then
	stopped       *Result  // the finding that the server stopped accepting; nil if it has not
	rateLimit     *Result  // the finding that connects above a rate are refused; nil if there is none
	skipReason    string   // why no further stage runs; "" if it does
	storesBytes   bool     // stream/first-byte failed when it ran alone
}

func newRunner(ctx context.Context, target Target, o Options, rules int) *runner {
	r := &runner{
		ctx: ctx, start: time.Now(), target: target, options: o, results: make([]Result, rules),
		compared: compared{bytes: make(map[string]int64)},
		progress: progress{report: o.Progress, now: Progress{Total: rules}, ended: map[string]time.Time{}},
	}
	r.connections.running = r.progress.running
	return r
}

// runFirstByte runs stream/first-byte alone, if it is one of the rules. If it fails twice,
// nothing comes back from an open stream: all other rules would wait for that in vain. It has
// the whole budget: a report in which it did not fit, and others passed, would look honest.
func (r *runner) runFirstByte(ctx context.Context, rules []Rule) {
	i := slices.IndexFunc(rules, func(rule Rule) bool { return rule.ID == firstByte.ID })
	if i < 0 {
		return
	}
	first := r.runRule(ctx, rules[i], nil)
	result := first.result
	if first.mayRunAgain {
		result = r.runAgain(ctx, rules[i], first)
	}
	r.setResult(i, result)
	r.checkAlive()
	r.storesBytes = result.Verdict == Fail && result.Class == Timeout && result.Evidence != SomeConnections
}

// runStage runs the rules of stage s concurrently. Rules that ran out of time, or of
// connections, then run again, each alone: only a timeout of a rule that runs alone counts
// as slowness of the target.
func (r *runner) runStage(rules []Rule, s stage) {
	var inStage []int // indexes of rules
	for i, rule := range rules {
		if rule.stage == s && r.results[i].Verdict == "" {
			inStage = append(inStage, i)
		}
	}
	if len(inStage) > 0 && r.target.Network != "udp" {
		r.checkAliveBetween()
	}
	if r.storesBytes && s > light && r.skipReason == "" {
		r.skipReason = "not run: nothing comes back from an open stream, see " + firstByte.ID
	}
	if r.skipReason != "" {
		for _, i := range inStage {
			reason := skipped(r.skipReason)
			if flag := rules[i].missing(r.options); flag != "" {
				reason = skipped("needs " + flag)
			}
			r.setResult(i, newResult(rules[i], "", reason))
		}
		return
	}
	ctx, cancel := r.withBudget(rules, s)
	defer cancel()
	if s > light && len(inStage) > 0 {
		r.measureAgain(ctx)
	}
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, r.options.Parallel)
		first = make([]outcome, len(rules))
	)
	alone := r.options.Parallel == 1 || r.running(rules, inStage) == 1
	for _, i := range inStage {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			first[i] = r.runRule(ctx, rules[i], nil)
			r.askAtOnce(first[i].result.Class)
			if result := first[i].result; r.storesBytes || alone && !broken(result.Class) && result.Class != Late && !first[i].some() {
				first[i].mayRunAgain = false
			}
			if !first[i].mayRunAgain {
				r.setResult(i, first[i].result)
			}
		})
	}
	wg.Wait()
	r.checkAlive()
	r.runStageAgain(ctx, rules, inStage, first)
}

// runStageAgain runs the rules of a stage again whose first outcome may be due to other rules.
func (r *runner) runStageAgain(ctx context.Context, rules []Rule, inStage []int, first []outcome) {
	// A failure that is decided may explain others: those need not run again.
	slices.SortStableFunc(inStage, func(a, b int) int { return precedence(rules[a]) - precedence(rules[b]) })
	if slices.ContainsFunc(first, func(o outcome) bool { return o.mayRunAgain && broken(o.result.Class) }) {
		(&probe{ctx: ctx}).pause(askAfter) // connections of other rules may take a moment to end
	}
	for _, i := range inStage {
		switch {
		case !first[i].mayRunAgain:
		case r.stopped != nil:
			r.setResult(i, r.undecided(rules[i], first[i].result))
		case isExplained(r.results, first[i].result):
			r.setResult(i, first[i].result)
		default:
			again := r.runAgain(ctx, rules[i], first[i])
			r.checkAlive()
			if r.stopped != nil && (again.Class == Timeout || again.Class == Refused) {
				again = r.undecided(rules[i], first[i].result) // it met a server that had stopped
			}
			r.setResult(i, again)
		}
	}
}

// running returns how many rules of inStage, their indexes, have the flags that they need.
func (r *runner) running(rules []Rule, inStage []int) (n int) {
	for _, i := range inStage {
		if rules[i].missing(r.options) == "" {
			n++
		}
	}
	return n
}

// outcome is what runRule returns.
type outcome struct {
	result      Result
	samples     []sample
	mayRunAgain bool // it failed, and other rules or a limit on connections may be the reason
}

// some reports whether some connections failed and others did not.
func (o outcome) some() bool { return o.result.Evidence == SomeConnections }

// runAgain runs a rule alone whose first result may be due to other rules. If it passes, the
// note says that it did not at first. With Options.Strict the first result stands.
func (r *runner) runAgain(ctx context.Context, rule Rule, first outcome) Result {
	class := first.result.Class
	again := r.runRule(ctx, rule, first.samples).result
	switch {
	case again.Verdict == Skip && isOverBudget(again.Detail) && first.result.Verdict == Fail:
		return r.notRepeated(first, again)
	case again.Verdict != Pass:
		return again
	}
	if r.options.Strict {
		first.result.Verdict = Fail
		return first.result
	}
	r.connections.forgive(failedSamples(first.samples))
	what := "failed (" + string(class) + ")"
	if class == Timeout || first.result.Verdict == Skip {
		what = "timed out"
	}
	again.Detail = strings.TrimPrefix(again.Detail+"; "+what+" at first, passed when run again alone", "; ")
	return again
}

func (r *runner) setResult(i int, result Result) {
	r.results[i] = result
	r.progress.finished(result)
}

// runRule runs one rule once, until ctx ends. If it has run before, it runs on one
// connection after another; if it has several and one fails, the result is that of all together.
func (r *runner) runRule(ctx context.Context, rule Rule, before []sample) outcome {
	// Each single wait has its timeout, which a server that sends one byte at a time
	// never exceeds. This bounds all of them together.
	limit := 12*r.options.Timeout + time.Minute
	if rule.extraTime != nil {
		limit += rule.extraTime(r.options)
	}
	budget := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.progress.started(rule.ID)
	defer r.progress.stopped(rule.ID)

	start := time.Now()
	p := &probe{ctx: ctx, rule: rule.ID, target: r.target, pinned: r.pinned, Options: r.options, path: r.path, connections: &r.connections}
	var all []sample
	if err := p.skipReason(rule); err != nil {
		all = []sample{{err: err}}
	} else if before == nil {
		all = p.runSamples(rule)
	} else if all = p.runInTurn(rule, before); (rule.sampled || rule.many) && failedSamples(all) > 0 {
		all = append(all, before...)
	}
	note, err := join(all)
	switch {
	case err == nil, isDecided(err):
	case r.ctx.Err() != nil:
		err = errors.New(interrupted)
	case rule.missing(r.options) != "": // it does not fit into a longer budget either
	case ended(budget):
		err = skipped(soFar(overBudget(r.options), note))
	case ended(ctx):
		err = errors.New(soFar(fmt.Sprintf("gave up after %v", limit), note))
	}
	result := newResult(rule, note, err)
	result.Elapsed = time.Since(start)
	for _, s := range all {
		r.compared.add(rule.ID, s.compared)
	}
	r.connections.countResult(result.Class)
	return outcome{result, all, mayRunAgain(all) && !rule.noRetry}
}

// soFar returns why a rule ended early, and what it had noted until then.
func soFar(why, note string) string { return strings.TrimSuffix(why+": "+note, ": ") }

// skipReason returns a skipped error if a flag that the rule needs is missing, or if
// it needs an agent that cannot be used.
func (p *probe) skipReason(rule Rule) error {
	if flag := rule.missing(p.Options); flag != "" {
		return skipped("needs " + flag)
	}
	if slices.Contains(rule.Needs, "--agent") {
		return p.greetAgent()
	}
	return nil
}

// newResult returns the result of a rule whose run returned err.
func newResult(rule Rule, note string, err error) Result {
	result := Result{Rule: rule.ID, Verdict: Pass, Offset: -1, Detail: note}
	var f *failure
	var skip skipped
	switch {
	case err == nil:
	case errors.As(err, &skip):
		result.Verdict, result.Detail = Skip, skip.Error()
	case errors.As(err, &f):
		result.Verdict = Fail
		result.Class, result.Offset = f.class, f.offset
		result.Got, result.Want, result.Detail = f.got, f.want, f.detail
		result.Evidence, result.Size = f.evidence, f.size
		result.Life, result.Agent = f.life()
		cause := rule.cause(f.class, f.evidence)
		result.Meaning = cmp.Or(cause.Meaning, rule.Meaning)
		result.Cause, result.Remedy = cause.Text, cause.Remedy
	default:
		result.Verdict, result.Class, result.Detail = Error, classify(err), plainText(err)
	}
	return result
}

// Progress is the state of a Run.
type Progress struct {
	Result  *Result  // the new result; nil if a rule has started
	Done    int      // rules that have a result
	Total   int      // rules that will have one, including those
	Running []string // IDs of the rules that run, in the order in which they started
}

// progress calls Options.Progress, one call at a time.
type progress struct {
	report func(Progress)

	mu  sync.Mutex
	now Progress

	ended map[string]time.Time // when a rule last stopped
}

func (p *progress) started(rule string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Running = append(p.now.Running, rule)
	p.send(nil)
}

// running returns the rules that run now or have stopped within a second: the end of a
// connection can have an effect on the server a little later.
func (p *progress) running() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	rules := slices.Clone(p.now.Running)
	for rule, at := range p.ended {
		if time.Since(at) < time.Second && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// forget omits rules that have stopped from those that running returns.
func (p *progress) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.ended)
}

// stopped removes rule from the running ones and reports nothing: its result follows,
// or the rule starts again.
func (p *progress) stopped(rule string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[rule] = time.Now()
	if i := slices.Index(p.now.Running, rule); i >= 0 {
		p.now.Running = slices.Delete(p.now.Running, i, i+1)
	}
}

func (p *progress) finished(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done++
	p.send(&r)
}

// send calls report. p.mu is held.
func (p *progress) send(r *Result) {
	now := p.now
	now.Result, now.Running = r, slices.Clone(p.now.Running)
	p.report(now)
}
