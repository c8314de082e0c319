// Package comparison compares echo servers on one machine. They take turns under the same
// load from the same client, in short rounds, with the server on one CPU and the client on
// another. The results are ratios, because a rate is valid only for one machine at one time.
//
// A Case is a workload and the servers that are compared under it. A Runner runs it. A
// Report has the raw samples. The tables and the chart are made from the report.
//
// It runs only on Linux: it uses taskset(1) and proc_stat(5).
package comparison

import (
	"context"
	"slices"
	"time"
)

// Case is one workload and the servers that are compared under it. The first server is the
// base of the ratios.
type Case struct {
	Workload Workload
	Servers  []Server
	Rounds   int
	// Free lets servers and client use both CPUs, for servers that can use more than
	// one.
	Free bool
}

// Result has the samples of one case.
type Result struct {
	Workload Workload       `json:"workload"`
	Free     bool           `json:"free,omitempty"`
	Servers  []ServerResult `json:"contenders"` // the first is the base of the ratios
}

// ServerResult has the samples of one server in a case. A server that fails does not run
// again in the case; its earlier rounds are kept.
type ServerResult struct {
	Name    string `json:"name"`
	Failure string `json:"failure,omitempty"`
	Rounds  []Pair `json:"rounds,omitempty"`
	// Shares is the number of connections of each loop, in descending order, for several
	// new processes. Only in a case with Free.
	Shares [][]int `json:"shares,omitempty"`
}

// Key returns the name of the case on the command line.
func (m Case) Key() string {
	if m.Free {
		return "loops"
	}
	return m.Workload.Key()
}

// numSamples returns the number of samples if no server fails.
func (m Case) numSamples() int { return 2 * m.Rounds * len(m.Servers) }

// Expected returns about how long the case takes.
func (m Case) Expected(b Runner) time.Duration {
	const start = 60 * time.Millisecond // of a server
	sample := start + b.Warmup + b.Measure + time.Duration(m.Workload.Conns)*40*time.Microsecond
	if m.Workload.Kind == Idle {
		sample = start + memorySettleTime + time.Duration(m.Workload.Conns)*80*time.Microsecond
	}
	return time.Duration(m.numSamples()) * sample
}

// Run runs a case. It calls progress after each round. It returns an error only if ctx is
// canceled; a server that fails is not an error.
func (b Runner) Run(ctx context.Context, m Case, progress func(round int, soFar Result)) (Result, error) {
	result := Result{Workload: m.Workload, Free: m.Free}
	for _, c := range m.Servers {
		result.Servers = append(result.Servers, ServerResult{Name: c.Name})
	}
	for i := range m.Rounds {
		b.round(ctx, i, m, result.Servers)
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		progress(i, result)
		if result.Servers[0].Failure != "" {
			break // there is no base for the ratios
		}
	}
	if m.Free {
		b.share(ctx, m, result.Servers)
	}
	return result, ctx.Err()
}

// share counts the connections of each loop of the servers three times, because the shares
// can vary.
func (b Runner) share(ctx context.Context, m Case, entries []ServerResult) {
	for i, c := range m.Servers {
		for range 3 {
			shares, err := b.Shares(ctx, c, m.Workload.Conns)
			if err != nil {
				entries[i].Failure = err.Error()
				break
			}
			entries[i].Shares = append(entries[i].Shares, shares)
		}
	}
}

// round runs round i and appends its samples to entries.
func (b Runner) round(ctx context.Context, i int, m Case, entries []ServerResult) {
	pairs, taken := make([]Pair, len(entries)), make([]int, len(entries))
	for _, index := range order(i, len(entries)) {
		if entries[index].Failure != "" || ctx.Err() != nil {
			continue
		}
		sample, err := b.sample(ctx, m.Servers[index], m.Workload, m.Free)
		if err != nil {
			entries[index].Failure = err.Error()
			continue
		}
		pairs[index][taken[index]] = sample
		if taken[index]++; taken[index] == len(pairs[index]) {
			entries[index].Rounds = append(entries[index].Rounds, pairs[index])
		}
	}
}

// order returns the order in which n servers run in round i, by index. Each runs twice, in
// mirrored order, so that a steady drift (e.g. of the temperature, or of other load) has the
// same effect on all of them. The first two servers are in the middle, as ABBA and BAAB in
// turn, because their ratio is the most important one.
func order(i, n int) []int {
	indexes := make([]int, n)
	for s := range indexes {
		indexes[s] = s
		if other := s ^ 1; i%2 == 1 && other < n {
			indexes[s] = other
		}
	}
	mirrored := slices.Clone(indexes)
	slices.Reverse(mirrored)
	return append(mirrored, indexes...)
}

// Pair has the two samples of one server in one round.
type Pair [2]Sample
