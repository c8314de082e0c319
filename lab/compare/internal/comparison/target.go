package comparison

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Target has the limits that a server must meet, as ratios to its base. Zero is no limit.
type Target struct {
	Throughput float64 // at least
	CPU        float64 // at most: client + server CPU per message
	Bytes      float64 // at most: memory for each idle connection
	Imbalance  float64 // at most: the ratio of the largest and the smallest share of a loop
}

// targetOf returns the target of an engine with one loop, compared with C.
func targetOf(w Workload) Target {
	switch {
	case w.Kind == Idle:
		return Target{Bytes: 128}
	case w.Kind == Churn:
		return Target{Throughput: 0.95, CPU: 1.08}
	case w.Kind == Trains:
		return Target{Throughput: 0.95}
	case w.Kind == Datagrams:
		return Target{Throughput: 0.97, CPU: 1.05}
	case w.Size >= 64<<10:
		return Target{Throughput: 0.95, CPU: 1.06}
	default:
		return Target{Throughput: 0.97, CPU: 1.04}
	}
}

// Check compares one echod in one case with its target.
type Check struct {
	Result       Result
	ServerResult ServerResult
	Base         ServerResult
	Want         Target
}

// Checks returns a Check for each echod with a target. The base is io.Copy for the engine
// net, one loop for two loops, and C for all others.
func (r Result) Checks() []Check {
	var all []Check
	for _, e := range r.Servers {
		if !isEchod(e.Name) {
			continue
		}
		switch iocopy, ok := r.server(IOCopy); {
		case r.Free && e.Name == r.Servers[0].Name:
		case r.Free:
			all = append(all, Check{r, e, r.Servers[0], Target{Throughput: 1, Imbalance: 1.2}})
		case strings.HasSuffix(e.Name, busyPoll):
			all = append(all, Check{r, e, r.Servers[0], Target{Throughput: 2}})
		case e.Name != EchodName("net"):
			all = append(all, Check{r, e, r.Servers[0], targetOf(r.Workload)})
		case ok && r.Workload.Kind != Idle:
			all = append(all, Check{r, e, iocopy, Target{Throughput: 1}})
		}
	}
	return all
}

// isC reports whether name is the name of a server in C.
func isC(name string) bool { return name == C || name == C+again || name == CUring || name == CSingle }

// isEchod reports whether name is the name of an echod.
func isEchod(name string) bool { return strings.HasPrefix(name, "echod ") }

func (r Result) server(name string) (ServerResult, bool) {
	i := slices.IndexFunc(r.Servers, func(e ServerResult) bool { return e.Name == name })
	if i < 0 {
		return ServerResult{}, false
	}
	return r.Servers[i], true
}

// Missed returns what misses the target. It uses the medians, rounded as they are printed.
func (c Check) Missed() []string {
	if c.ServerResult.Failure != "" || c.Base.Failure != "" || len(c.ServerResult.Rounds) == 0 {
		return []string{"failed"}
	}
	var all []string
	missed := func(is bool, what string) {
		if is {
			all = append(all, what)
		}
	}
	missed(rounded(c.median(Throughput)) < c.Want.Throughput, "throughput")
	missed(c.Want.CPU > 0 && rounded(c.median(ProcessCPU)) > c.Want.CPU, "CPU")
	missed(c.Want.Bytes > 0 && math.Round(c.bytes()) > c.Want.Bytes, "memory")
	missed(c.Want.Imbalance > 0 && rounded(c.ServerResult.Imbalance()) > c.Want.Imbalance, "shares")
	if c.Base.Name == C {
		for _, other := range c.fasterServers() {
			missed(true, "behind "+other)
		}
	}
	return all
}

// fasterServers returns the other servers with a better result in the same case.
func (c Check) fasterServers() []string {
	var all []string
	for _, e := range c.Result.Servers {
		if isC(e.Name) || isEchod(e.Name) || e.Failure != "" || len(e.Rounds) == 0 {
			continue
		}
		other := Check{ServerResult: e, Base: c.Base}
		better := other.median(Throughput) > c.median(Throughput)
		if c.Want.Bytes > 0 {
			better = other.bytes() < c.bytes()
		}
		if better {
			all = append(all, e.Name)
		}
	}
	return all
}

func (c Check) median(m Metric) float64 { return SpreadOf(m.Ratios(c.ServerResult, c.Base)).Median }

func (c Check) bytes() float64 { return SpreadOf(Memory.Values(c.ServerResult)).Median }

// Imbalance returns the highest ratio of the largest and the smallest share of a loop. It is
// infinite if one loop has all connections.
func (e ServerResult) Imbalance() float64 {
	worst := 0.0
	for _, shares := range e.Shares {
		if len(shares) < 2 {
			return math.Inf(1)
		}
		worst = max(worst, float64(slices.Max(shares))/float64(slices.Min(shares)))
	}
	return worst
}

func rounded(ratio float64) float64 { return math.Round(ratio*100) / 100 }

// Verdict returns the cell of the table.
func (c Check) Verdict() string {
	if missed := c.Missed(); len(missed) > 0 {
		return fmt.Sprintf("**missed**: %s", strings.Join(missed, ", "))
	}
	return "met"
}
