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
	r := &runner{
		ctx: ctx, target: target, options: o, results: make([]Result, len(rules)),
		progress: progress{report: o.Progress, now: Progress{Total: len(rules)}},
	}
	for s := range numStages {
		r.runStage(rules, s)
	}
	explain(r.results, o.Bulk)
	report.Results, report.Elapsed, report.Interrupted = r.results, time.Since(start), ctx.Err() != nil
	return report, ctx.Err()
}

// runner is the state of one Run.
type runner struct {
	ctx      context.Context
	target   Target
	options  Options
	results  []Result
	progress progress
}

// runStage runs the rules of stage s concurrently. Rules that ran out of time then run
// again, each alone: only a timeout of a rule that runs alone counts as slowness of
// the target.
func (r *runner) runStage(rules []Rule, s stage) {
	var inStage []int // indexes of rules
	for i, rule := range rules {
		if rule.stage == s {
			inStage = append(inStage, i)
		}
	}
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, r.options.Parallel)
		again = make([]bool, len(rules))
	)
	alone := r.options.Parallel == 1 || len(inStage) == 1
	for _, i := range inStage {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			result, timedOut := r.runRule(rules[i])
			if again[i] = timedOut && !alone; !again[i] {
				r.setResult(i, result)
			}
		})
	}
	wg.Wait()
	for _, i := range inStage {
		if again[i] {
			result, _ := r.runRule(rules[i])
			r.setResult(i, result)
		}
	}
}

func (r *runner) setResult(i int, result Result) {
	r.results[i] = result
	r.progress.finished(result)
}

// runRule runs one rule once. It reports whether the rule ran out of time and may run
// again.
func (r *runner) runRule(rule Rule) (result Result, timedOut bool) {
	// Each single wait has its timeout, which a server that sends one byte at a time
	// never exceeds. This bounds all of them together.
	limit := 12*r.options.Timeout + time.Minute
	if rule.extraTime != nil {
		limit += rule.extraTime(r.options)
	}
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	r.progress.started(rule.ID)
	defer r.progress.stopped(rule.ID)

	start := time.Now()
	p := &probe{ctx: ctx, rule: rule.ID, target: r.target, Options: r.options}
	err := p.skipReason(rule)
	if err == nil {
		err = rule.run(p)
	}
	if f, ok := errors.AsType[*failure](err); ok {
		p.locate(f)
	}
	if cause := context.Cause(r.ctx); err != nil && cause != nil {
		err = errors.New(interrupted)
	} else if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("gave up after %v", limit)
	}
	result = newResult(rule, p.note, err)
	result.Elapsed = time.Since(start)
	return result, isTimeout(err) && !rule.noRetry
}

// skipReason returns a skipped error if a flag that the rule needs is missing, or if
// it needs an agent that cannot be used.
func (p *probe) skipReason(rule Rule) error {
	if flag := rule.missing(p.Options); flag != "" {
		return skipped("needs " + flag)
	}
	if slices.Contains(rule.Needs, "--agent") {
		if _, err := p.agentClient().Hello(p.ctx); err != nil && p.ctx.Err() == nil {
			return skipBecause(err)
		}
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
	case errors.As(err, &f):
		result.Verdict = Fail
		result.Class, result.Offset = f.class, f.offset
		result.Got, result.Want, result.Detail = f.got, f.want, f.detail
		result.Evidence, result.Size = f.evidence, f.size
		cause := rule.cause(f.class, f.evidence)
		result.Meaning = cmp.Or(cause.Meaning, rule.Meaning)
		result.Cause, result.Remedy = cause.Text, cause.Remedy
	case errors.As(err, &skip):
		result.Verdict, result.Detail = Skip, skip.Error()
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
}

func (p *progress) started(rule string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Running = append(p.now.Running, rule)
	p.send(nil)
}

// stopped removes rule from the running ones and reports nothing: its result follows,
// or the rule starts again.
func (p *progress) stopped(rule string) {
	p.mu.Lock()
	defer p.mu.Unlock()
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
