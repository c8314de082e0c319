// Package comparison compares echo servers on one machine. They take turns under the same
// load, in slices of a fraction of a second, with the server on one CPU and the client on
// another. The results are ratios, because a rate is valid only for one machine at one time.
//
// A Case is a workload and the servers that are compared under it. A Runner runs it: each
// round has one slice of each server, in random order, with new processes unless there are many
// connections. A Report has the samples and the intervals. The tables and the chart are made
// from the report.
//
// It runs only on Linux: it uses taskset(1) and proc_stat(5).
package comparison

import (
	"fmt"
	"slices"
	"time"
)

// Case is one workload and the servers that are compared under it. The first server is the
// base of the ratios.
type Case struct {
	Workload Workload
	Servers  []Server
	// Pairs are compared in addition to each server and the base, and to the pairs that a
	// goal names.
	Pairs []Versus
	// Free lets servers and clients use both CPUs, for servers that can use more than one.
	// Two generators share the connections.
	Free bool
	// Active is how many of the connections carry messages. 0 is all of them. It is not in
	// a Result.
	Active int
}

// Versus names two servers of a case whose ratio is of interest.
type Versus struct {
	Server string `json:"server"`
	Base   string `json:"base"`
}

// Result has the samples of one case.
type Result struct {
	Workload    Workload       `json:"workload"`
	Free        bool           `json:"free,omitempty"`
	Tried       int            `json:"tried,omitempty"`     // slices, with those that were thrown away
	Disturbed   bool           `json:"disturbed,omitempty"` // the case ended early, because too many slices were thrown away
	Comparisons []Comparison   `json:"comparisons,omitempty"`
	Repeated    *Repeated      `json:"repeated,omitempty"` // nil: measured with the others of its report
	Latency     *Latency       `json:"latency,omitempty"`
	Servers     []ServerResult `json:"servers"` // the first is the base of the ratios
}

// Repeated says when a result was measured that replaces an earlier one of its report.
type Repeated struct {
	Date      time.Time `json:"date"`
	Commit    string    `json:"commit"` // of echod
	Tolerance float64   `json:"tolerance"`
}

// ServerResult has the samples of one server in a case. A server that fails does not run
// again in the case; its earlier slices are kept.
type ServerResult struct {
	Name      string    `json:"name"`
	Failure   string    `json:"failure,omitempty"`
	Slices    []Slice   `json:"slices,omitempty"` // at most one in each round
	Discarded []Discard `json:"discarded,omitempty"`
	// IdleBytes is the memory for each idle connection of several new processes. It is
	// negative if a server freed more than the connections need. Only with Idle.
	IdleBytes []float64 `json:"idle_bytes,omitempty"`
	Costs     *Costs    `json:"costs,omitempty"`
	// Shares is the number of connections of each loop, in descending order, for several
	// new processes. Only in a case with Free.
	Shares [][]int `json:"shares,omitempty"`
}

// Slice is what one server did in one round.
type Slice struct {
	Round int `json:"round"`
	Sample
}

// Discard is a slice that was thrown away.
type Discard struct {
	Round int `json:"round"`
	Disturbance
}

// Comparison has the intervals of a server relative to a base, over the rounds in which both
// have a slice. It depends only on the slices and the seed.
type Comparison struct {
	Versus
	Throughput Interval `json:"throughput"`
	CPU        Interval `json:"cpu"`
}

// Sample is the result of one slice of one server.
type Sample struct {
	Seconds       float64 `json:"seconds"`
	Messages      float64 `json:"messages"`
	All           float64 `json:"all,omitempty"`  // messages, with those before and after the measurement
	Lost          float64 `json:"lost,omitempty"` // datagrams that did not come back
	ClientSeconds float64 `json:"client_seconds"` // CPU time
	ServerSeconds float64 `json:"server_seconds"` // CPU time

	// Percentiles of latency, in seconds. Only in slices of latency.

	P50 float64 `json:"p50,omitempty"`
	P99 float64 `json:"p99,omitempty"`
}

// interval returns the interval of a metric: Throughput or CPU.
func (c Comparison) interval(m Metric) Interval {
	if m.Name == CPU.Name {
		return c.CPU
	}
	return c.Throughput
}

// Key returns the name of the case on the command line.
func (m Case) Key() string { return Result{Workload: m.Workload, Free: m.Free}.Key() }

// Key returns the name of the case on the command line.
func (r Result) Key() string {
	if r.Free {
		return "loops"
	}
	return r.Workload.Key()
}

// Name returns the name of the case in tables.
func (r Result) Name() string {
	if r.Free {
		return "loops " + r.Workload.String()
	}
	return r.Workload.String()
}

// server returns the result of a server.
func (r Result) server(name string) (ServerResult, bool) {
	i := slices.IndexFunc(r.Servers, func(e ServerResult) bool { return e.Name == name })
	if i < 0 {
		return ServerResult{}, false
	}
	return r.Servers[i], true
}

// ran reports whether a server of this name is in the case and has not failed.
func (r Result) ran(name string) bool {
	e, ok := r.server(name)
	return ok && e.Failure == ""
}

// compare returns the comparison of two servers. It reports false if one of them failed, or
// if they have no round in common.
func (r Result) compare(v Versus, seed uint64) (Comparison, bool) {
	server, _ := r.server(v.Server)
	base, _ := r.server(v.Base)
	ratios := Throughput.Ratios(server, base)
	if !r.ran(v.Server) || !r.ran(v.Base) || len(ratios) == 0 {
		return Comparison{}, false
	}
	return Comparison{v, IntervalOf(ratios, seed), IntervalOf(CPU.Ratios(server, base), seed)}, true
}

// comparison returns a comparison that was made before.
func (r Result) comparison(v Versus) (Comparison, bool) {
	i := slices.IndexFunc(r.Comparisons, func(c Comparison) bool { return c.Versus == v })
	if i < 0 {
		return Comparison{}, false
	}
	return r.Comparisons[i], true
}

// Discards returns the number of slices that were thrown away.
func (r Result) Discards() int {
	n := 0
	for _, e := range r.Servers {
		n += len(e.Discarded)
	}
	return n
}

// busy is the share of its CPU from which on a server or a generator counts as busy.
const busy = 0.9

// limitIsGenerator is the beginning of what generatorLimits returns.
const limitIsGenerator = "the generator is the limit"

// generatorLimits returns whether the generator was the limit of the throughput of one of these
// servers, as a reason for no verdict, or "": the generator was busy, and the server was not. The
// server may be faster than its throughput. If neither was busy, the throughput shows the latency of
// both. With Free, the two share their CPUs.
func (r Result) generatorLimits(names ...string) string {
	least, limited := 1.0, ""
	for _, name := range names {
		e, _ := r.server(name)
		if len(e.Slices) == 0 || r.Free {
			continue
		}
		server, client := median(ServerBusy.Values(e)), median(ClientBusy.Values(e))
		if 0 < server && server < busy && client > busy { // 0: not measured
			least, limited = min(least, client), limited+fmt.Sprintf(", %s %.0f %%", name, server*100)
		}
	}
	if limited == "" {
		return ""
	}
	return fmt.Sprintf("%s: it uses %.0f %% of its CPU%s", limitIsGenerator, least*100, limited)
}

// CannotTell returns why no verdict of the case can be given, or "": too many slices were
// disturbed, or the base compared with itself is not at 1, or has too few pairs.
func (r Result) CannotTell() string {
	if r.Disturbed {
		return fmt.Sprintf("%d of %d slices were disturbed", r.Discards(), r.Tried)
	}
	base := r.Servers[0].Name
	c, ok := r.comparison(Versus{base + again, base})
	switch {
	case r.Workload.Kind == Idle: // its limits are bytes, and no ratios to a base
		return ""
	case !ok:
		return "the base was not compared with itself"
	case c.Throughput.Pairs < minPairs:
		return fmt.Sprintf("%d pairs, want %d", c.Throughput.Pairs, minPairs)
	case !c.Throughput.contains(1):
		return fmt.Sprintf("%s is at %s of itself", base, c.Throughput)
	}
	return ""
}
