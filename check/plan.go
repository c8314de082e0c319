package check

import (
	"context"
	"sync"
	"time"
)

// Stage is rules that may run at the same time, because they do not disturb each other.
// Those of the next stage start when they have finished.
type Stage struct {
	Name  string // "light", "stalled", "crowd" or "flood"
	Rules []Rule
}

var stageNames = [numStages]string{light: "light", stalled: "stalled", crowd: "crowd", flood: "flood"}

// Plan returns the rules that Run would run, in their stages. The error is a *UsageError
// if target or o are invalid.
func Plan(target Target, o Options) ([]Stage, error) {
	if err := o.withDefaults().validate(); err != nil {
		return nil, err
	}
	rules, err := choose(target.Network, o.Rules, o.Skip)
	if err != nil {
		return nil, err
	}
	stages := make([]Stage, numStages)
	for s := range stages {
		stages[s].Name = stageNames[s]
	}
	for _, rule := range rules {
		stages[rule.stage].Rules = append(stages[rule.stage].Rules, rule)
	}
	return stages, nil
}

// RunRule runs one rule of a Plan, for callers that start the rules themselves. It does
// not find out first whether the target answers. The report has one result.
//
// Callers that run rules at the same time pass each the same beside. If a rule runs out
// of time, it runs again while no other one runs: only that timeout counts. A rule that
// runs alone anyway has nil.
func RunRule(ctx context.Context, target Target, o Options, rule Rule, beside *sync.RWMutex) *Report {
	o = o.withDefaults()
	start := time.Now()
	r := newRunner(ctx, target, o, 1)
	alone := beside == nil
	if alone {
		beside = new(sync.RWMutex)
	}
	beside.RLock()
	first := r.runRule(ctx, rule, nil)
	beside.RUnlock()
	result := first.result
	if first.mayRunAgain && (!alone || first.some()) {
		beside.Lock()
		result = r.runAgain(ctx, rule, first)
		beside.Unlock()
	}
	r.progress.finished(result)
	return &Report{
		Target: target, Options: o, Results: []Result{result},
		Retried: r.connections.forgiven, Connections: r.connections.made,
		Elapsed: time.Since(start), Interrupted: ctx.Err() != nil,
	}
}
