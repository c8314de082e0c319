package echotest_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"echod/check"
)

// run is one call of check.Run: some of the rules, on a path of their own.
type run struct {
	path    path
	options check.Options
}

// activeRuns is how many runs of all rules there are at the same time, and activeRules how
// many of a single rule, which is mostly waiting. With more of them the machine would be
// busy, and each run would measure a path that is too slow for what its rules send.
const activeRuns, activeRules = 32, 40

// longest lists the rows whose runs start first: they take half a minute.
var longest = []string{"reads-ahead-slowly", "loses-1-percent-slowly", "has-2500-ms", "closes-idle", "resets-idle"}

// startRuns runs all rules against every row.
func startRuns(t *testing.T, rows []row) []chan *check.Report {
	var (
		runs    = make([][]run, len(rows))
		found   = make([][]*check.Report, len(rows)) // by run; nil if it failed
		reports = make([]chan *check.Report, len(rows))
		order   []int // indexes of rows
	)
	for i, row := range rows {
		runs[i] = row.runs(t) // all servers start before the first run uses the machine
		found[i] = make([]*check.Report, len(runs[i]))
		reports[i] = make(chan *check.Report, 1)
		if slices.Contains(longest, row.name) {
			order = slices.Insert(order, 0, i)
		} else {
			order = append(order, i)
		}
	}
	go func() {
		var first sync.WaitGroup
		start := func(slots chan struct{}, i, n int) {
			slots <- struct{}{}
			first.Go(func() {
				found[i][n], _ = runs[i][n].do()
				<-slots
			})
		}
		first.Go(func() {
			slots := make(chan struct{}, activeRuns)
			for _, i := range order {
				start(slots, i, 0)
			}
		})
		slots := make(chan struct{}, activeRules)
		for _, i := range order {
			for n := range runs[i][1:] {
				start(slots, i, n+1)
			}
		}
		first.Wait() // retries need a machine that is not busy
		for i, row := range rows {
			go func() { reports[i] <- row.join(t, runs[i], found[i]) }()
		}
	}()
	return reports
}

// runs returns one run of all rules that must pass, at the same time as in a normal
// check, and one run for each rule that must fail: such a rule waits for a timeout.
func (r row) runs(t *testing.T) []run {
	all := run{path: r.start(t)}
	all.options = all.path.options()
	runs := []run{all}
	for _, id := range r.separate(all) {
		one := run{path: r.start(t)}
		one.path.patient = patient[r.name] == id
		one.options = one.path.options()
		one.options.Rules = []string{id}
		runs = append(runs, one)
		runs[0].options.Skip = append(runs[0].options.Skip, id)
	}
	return runs
}

// slow lists the rules that take the longest time through a proxy.
var slow = []string{
	"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/server-fin", "stream/churn",
}

// separate returns the rules that get a run of their own.
func (r row) separate(all run) []string {
	network, _, _ := strings.Cut(all.path.url, "://")
	var ids []string
	for _, rule := range check.Rules() {
		waits := slices.Contains(r.Fails, rule.ID) || r.kind == "proxy" && slices.Contains(slow, rule.ID)
		if waits && rule.Fits(network) && !slices.Contains(all.options.Skip, rule.ID) {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

// join merges the reports of all runs, and retries what may have failed because the
// machine was busy. It returns nil if a run fails twice.
func (r row) join(t *testing.T, runs []run, found []*check.Report) *check.Report {
	for i, report := range found {
		if report == nil || report.NotEcho != nil { // every fault is an echo: the machine was busy
			var err error
			if report, err = runs[i].do(); err != nil {
				t.Errorf("%s: %v", r.name, err)
				return nil
			}
			found[i] = report
		}
		for n, result := range report.Results {
			if !r.needsRetry(result) {
				continue
			}
			one := runs[i]
			one.options.Rules = []string{result.Rule}
			if again, err := one.do(); err == nil && again.NotEcho == nil {
				report.Results[n] = again.Results[0]
			}
		}
		if report.NotEcho != nil {
			return report
		}
		if i > 0 {
			found[0].Results = append(found[0].Results, report.Results...)
		}
	}
	return found[0]
}

// hidden lists the faults that a rule does not detect on a busy machine, and why.
var hidden = map[string]string{
	// All messages that are under way come back at once: the two directions are busy in turn.
	"changes-odd-sizes-when-busy": "stream/bulk",
	// A pause of the machine is one of the client, after which the server answers.
	"drops-bursts": "datagram/order-loss",
	// Less than twenty connections fit into the time of the rule.
	"drops-fin-on-one-server": "stream/many-connections",
}

// early lists the faults that a rule meets only if a busy machine delays what the rule sends.
var early = []string{"sends-late-banner"}

// needsRetry reports whether a busy machine may be the cause of result: it is
// inconclusive, the agent did not answer, there was a timeout where nothing may fail, or the
// fault is hidden or came early.
func (r row) needsRetry(result check.Result) bool {
	expected := slices.Contains(r.Fails, result.Rule)
	timeout := slices.Contains([]check.Class{check.Timeout, check.Silent, check.Late}, result.Class)
	switch result.Verdict {
	case check.Error:
		return true
	case check.Skip:
		return expected
	case check.Pass:
		return hidden[r.name] == result.Rule
	}
	return (timeout || slices.Contains(early, r.name)) && !expected && !slices.Contains(r.MayFail, result.Rule)
}

func (r run) do() (*check.Report, error) {
	target, err := check.ParseTarget(r.path.url)
	if err != nil {
		return nil, err
	}
	target.TLS = r.path.tls
	if address := target.Address; r.path.patient {
		target.Dial = func(ctx context.Context) (net.Conn, error) { return dialPatient(ctx, address) }
	}
	return check.Run(context.Background(), target, r.options)
}
