package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run puts target through the rules that fit its network. A target that breaks
// rules is not an error: see the Report.
//
// The error is a *UsageError if target or o ask for what does not exist, and an
// *UnreachableError if there is nobody to ask; then there is no report. If ctx
// ends, it is ctx's, and the report holds what was found so far.
func Run(ctx context.Context, target Target, o Options) (*Report, error) {
	start := time.Now()
	o = o.withDefaults()
	if err := cmp.Or(checkAgent(o.Agent, "tcp"), checkAgent(o.AgentUDP, "udp")); err != nil {
		return nil, err
	}
	rules, err := choose(target.Network, o.Rules, o.Skip)
	if err != nil {
		return nil, err
	}
	if o.Closed != "" {
		if _, err := closedTarget(o.Closed); err != nil {
			return nil, err
		}
	}
	if err := reach(&probe{ctx: ctx, rule: "reach", target: target, Options: o}); err != nil {
		return nil, err
	}
	r := &runner{
		ctx: ctx, target: target, options: o, results: make([]Result, len(rules)),
		teller: teller{tell: o.Progress, now: Progress{Of: len(rules)}},
	}
	for s := range stages {
		r.stage(rules, s)
	}
	return &Report{
		Target: target, Options: o, Results: r.results,
		Elapsed: time.Since(start), Interrupted: ctx.Err() != nil,
	}, ctx.Err()
}

// runner carries out one Run.
type runner struct {
	ctx     context.Context
	target  Target
	options Options
	results []Result
	teller  teller
}

// stage runs the rules of stage s side by side. Those that ran out of time are
// then asked again, each alone: only what a rule finds without company counts
// as slowness of the target.
func (r *runner) stage(rules []Rule, s stage) {
	var (
		wg     sync.WaitGroup
		places = make(chan struct{}, r.options.Parallel)
		again  = make([]bool, len(rules))
	)
	alone := r.options.Parallel == 1 || countStage(rules, s) == 1
	for i, rule := range rules {
		if rule.stage != s {
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			result, hasty := r.try(rule)
			if again[i] = hasty && !alone; !again[i] {
				r.done(i, result)
			}
		})
	}
	wg.Wait()
	for i, rule := range rules {
		if again[i] {
			result, _ := r.try(rule)
			r.done(i, result)
		}
	}
}

func countStage(rules []Rule, s stage) int {
	n := 0
	for _, rule := range rules {
		if rule.stage == s {
			n++
		}
	}
	return n
}

func (r *runner) done(i int, result Result) {
	r.results[i] = result
	r.teller.found(result)
}

// try runs one rule once. hasty says that it ran out of time.
func (r *runner) try(rule Rule) (result Result, hasty bool) {
	// A server that dribbles keeps within every single wait.
	most := 12*r.options.Timeout + time.Minute
	if rule.extra != nil {
		most += rule.extra(r.options)
	}
	ctx, cancel := context.WithTimeout(r.ctx, most)
	defer cancel()
	r.teller.begin(rule.ID)
	defer r.teller.pause(rule.ID)

	start := time.Now()
	p := &probe{ctx: ctx, rule: rule.ID, target: r.target, Options: r.options}
	err := p.run(rule)
	if cause := context.Cause(r.ctx); err != nil && cause != nil {
		err = errors.New(unfinished)
	} else if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("gave up after %v", most)
	}
	result = judge(rule, p.noted, err)
	result.Elapsed = time.Since(start)
	return result, mayBeHaste(err) && !rule.once
}

// judge turns what a rule returned into its result.
func judge(rule Rule, noted string, err error) Result {
	result := Result{Rule: rule.ID, Verdict: Pass, Offset: -1, Detail: noted}
	var broke *failure
	var skip skipped
	switch {
	case err == nil:
	case errors.As(err, &broke):
		result.Verdict = Fail
		result.Class, result.Offset = broke.class, broke.offset
		result.Got, result.Want, result.Detail = broke.got, broke.want, broke.detail
		result.Meaning = rule.Meaning
		result.Cause, result.Remedy = known(rule.ID, broke.class)
	case errors.As(err, &skip):
		result.Verdict, result.Detail = Skip, skip.Error()
	default:
		result.Verdict, result.Class, result.Detail = Error, classify(err), err.Error()
	}
	return result
}
