package echotest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"echod/check"
)

// run is some of the rules, and a path that is theirs alone.
type run struct {
	path    path
	options check.Options
}

// startRuns puts every row to every rule. On a busy machine, more side by side
// are a load of their own.
func startRuns(t *testing.T, rows []row) []chan *check.Report {
	runs := make([][]run, len(rows))
	for i, row := range rows {
		runs[i] = row.runs(t) // all before the first one loads the machine
	}
	var (
		reports = make([]chan *check.Report, len(rows))
		places  = make(chan struct{}, 40)
		asking  sync.WaitGroup
	)
	for i, row := range rows {
		reports[i] = make(chan *check.Report, 1)
		asking.Add(1)
		go func() {
			found := carryOut(runs[i], places)
			asking.Done()
			asking.Wait() // who has the machine to himself gets a true answer
			reports[i] <- row.join(t, runs[i], found)
		}()
	}
	return reports
}

// runs are one of the rules that ought to pass, all together as users have them,
// and one of each that ought not to: it waits for what never comes, and in
// company it would be asked twice.
func (r row) runs(t *testing.T) []run {
	most := run{path: r.start(t)}
	most.options = most.path.options()
	runs := []run{most}
	for _, id := range r.apart(most) {
		one := run{path: r.start(t)}
		one.options = one.path.options()
		one.options.Rules = []string{id}
		runs = append(runs, one)
		runs[0].options.Skip = append(runs[0].options.Skip, id)
	}
	return runs
}

// patient are the rules that wait most; a proxy does not mind them beside the
// others.
var patient = []string{
	"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/server-fin", "stream/churn",
}

// apart are the rules of all that have a run of their own.
func (r row) apart(all run) []string {
	network, _, _ := strings.Cut(all.path.url, "://")
	var ids []string
	for _, rule := range check.Rules() {
		waits := slices.Contains(r.caughtBy, rule.ID) || r.kind == "proxy" && slices.Contains(patient, rule.ID)
		if waits && rule.Fits(network) && !slices.Contains(all.options.Skip, rule.ID) {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

// carryOut does runs side by side, as far as there are places. A report that
// could not be had is nil.
func carryOut(runs []run, places chan struct{}) []*check.Report {
	found := make([]*check.Report, len(runs))
	var wg sync.WaitGroup
	for i, one := range runs {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found[i], _ = one.do()
		})
	}
	wg.Wait()
	return found
}

// join makes one report of what runs have found, nil if one of them could not be
// done again, either.
func (r row) join(t *testing.T, runs []run, found []*check.Report) *check.Report {
	for i, report := range found {
		if report == nil {
			var err error
			if report, err = runs[i].do(); err != nil {
				t.Errorf("%s: %v", r.name, err)
				return nil
			}
			found[i] = report
		}
		r.askAgain(runs[i], report.Results)
		if i > 0 {
			found[0].Results = append(found[0].Results, report.Results...)
		}
	}
	return found[0]
}

// askAgain asks once more what a busy machine may have caused.
func (r row) askAgain(one run, results []check.Result) {
	for i, result := range results {
		if !r.maybeHaste(result) {
			continue
		}
		one.options.Rules = []string{result.Rule}
		if report, err := one.do(); err == nil {
			results[i] = report.Results[0]
		}
	}
}

// maybeHaste reports whether nothing but time may have led to r: it could not be
// told, no agent answered, or there was a wait in vain that nobody expects.
func (r row) maybeHaste(result check.Result) bool {
	expected := slices.Contains(r.caughtBy, result.Rule)
	inVain := slices.Contains([]check.Class{check.Timeout, check.Silent, check.Late}, result.Class)
	switch result.Verdict {
	case check.Error:
		return true
	case check.Skip:
		return expected
	}
	return inVain && !expected
}

func (r run) do() (*check.Report, error) {
	target, err := check.ParseTarget(r.path.url)
	if err != nil {
		return nil, err
	}
	target.TLS = r.path.tls
	return check.Run(context.Background(), target, r.options)
}
