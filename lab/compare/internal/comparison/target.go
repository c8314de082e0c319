package comparison

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Goal is a limit that a server must meet in a case. It has one of the limits.
type Goal struct {
	Versus             // Base is empty if the limit is not a ratio to it
	Throughput float64 // at least: ratio to Base
	P99        float64 // at most: ratio of latency to Base
	Bytes      float64 // at most: memory for each idle connection
	Imbalance  float64 // at most: the ratio of the largest and the smallest share of a loop
}

// epoll is the engine that is compared with C and with other Go servers.
const epoll = "echod epoll"

// goalsOf returns the goals of a case with these servers, of which the first is the base.
func goalsOf(w Workload, free bool, names []string) []Goal {
	var all []Goal
	ratio := func(server, base string, least float64) {
		if slices.Contains(names, server) && slices.Contains(names, base) {
			all = append(all, Goal{Versus: Versus{server, base}, Throughput: least})
		}
	}
	if free {
		ratio(LoopsName("epoll", "2"), LoopsName("epoll", "1"), 1)
		if slices.Contains(names, LoopsName("epoll", "2")) {
			all = append(all, Goal{Versus: Versus{Server: LoopsName("epoll", "2")}, Imbalance: 1.2})
		}
		return all
	}
	if w.Kind == Idle {
		for _, name := range names {
			switch {
			case name == EchodName("net"):
				all = append(all, Goal{Versus: Versus{Server: name}, Bytes: 3 << 10})
			case isEchod(name):
				all = append(all, Goal{Versus: Versus{Server: name}, Bytes: 66})
			}
		}
		return all
	}
	ratio(epoll, C, map[Kind]float64{Stream: 0.97, Churn: 0.97, Datagrams: 1, Trains: 0.95}[w.Kind])
	for _, name := range names {
		if !isC(name) && !isEchod(name) {
			ratio(epoll, name, 1)
		}
	}
	ratio(EchodName("net"), IOCopy, 1)
	if w.measuresLatency() && slices.Contains(names, epoll) {
		all = append(all, Goal{Versus: Versus{epoll, C}, P99: 1.05})
	}
	return all
}

// isC reports whether name is the name of a server in C.
func isC(name string) bool { return name == C || name == C+again || name == CUring || name == CSingle }

// isEchod reports whether name is the name of an echod.
func isEchod(name string) bool { return strings.HasPrefix(name, "echod ") }

// Check is a goal and what was measured.
type Check struct {
	Result     Result
	Goal       Goal
	Comparison Comparison // of a ratio
	Verdict    Verdict
	Why        string // it failed, or was not told apart
}

// Checks returns a check for each goal. It omits goals whose base is another Go server that
// failed, and those for latency if none was measured.
func (r Result) Checks() []Check {
	var names []string
	for _, e := range r.Servers {
		names = append(names, e.Name)
	}
	var all []Check
	for _, goal := range goalsOf(r.Workload, r.Free, names) {
		if base, ok := r.server(goal.Base); ok && base.Failure != "" && !isC(base.Name) && !isEchod(base.Name) {
			continue
		}
		if goal.P99 > 0 && r.Latency == nil {
			continue
		}
		all = append(all, r.check(goal))
	}
	return all
}

func (r Result) check(goal Goal) Check {
	c := Check{Result: r, Goal: goal}
	server, _ := r.server(goal.Server)
	base, hasBase := r.server(goal.Base)
	if goal.P99 == 0 {
		c.Comparison, _ = r.comparison(goal.Versus)
	}
	switch why := r.CannotTell(); {
	case server.Failure != "":
		c.Verdict, c.Why = Failed, server.Name
	case hasBase && base.Failure != "":
		c.Verdict, c.Why = Failed, base.Name
	case goal.P99 > 0:
		c.Verdict, c.Why = r.Latency.check(goal)
	case goal.Bytes > 0 && len(server.IdleBytes) > 0:
		c.Verdict = bytesInterval(server).atMost(goal.Bytes)
	case goal.Imbalance > 0 && len(server.Shares) > 0:
		c.Verdict = Interval{Low: server.Imbalance(), High: server.Imbalance()}.atMost(goal.Imbalance)
	case goal.Throughput > 0 && why != "":
		c.Verdict, c.Why = NotApart, why
	case goal.Throughput > 0 && c.Comparison.Throughput.Pairs < minPairs:
		c.Verdict, c.Why = NotApart, fmt.Sprintf("%d pairs, want %d", c.Comparison.Throughput.Pairs, minPairs)
	case goal.Throughput > 0:
		c.Verdict, c.Why = r.atLeast(c.Comparison, goal.Throughput)
	default:
		c.Verdict, c.Why = NotApart, "nothing was measured"
	}
	return c
}

// atLeast returns the verdict on a throughput, and why it is not told apart. A server that the
// generator limits may be faster than its throughput. So a goal relative to such a base is not met,
// and such a server does not miss a goal.
func (r Result) atLeast(c Comparison, goal float64) (Verdict, string) {
	verdict := c.Throughput.atLeast(goal)
	mayNotBeFaster := map[Verdict][]string{Met: {c.Base}, Missed: {c.Server}, NotApart: {c.Server, c.Base}}
	if why := r.generatorLimits(mayNotBeFaster[verdict]...); why != "" {
		return NotApart, why
	}
	return verdict, ""
}

// bytesInterval returns the memory for each idle connection in whole bytes. The ends are the
// lowest and the highest value.
func bytesInterval(e ServerResult) Interval {
	return Interval{
		Median: math.Round(median(e.IdleBytes)),
		Low:    math.Round(slices.Min(e.IdleBytes)),
		High:   math.Round(slices.Max(e.IdleBytes)),
		Pairs:  len(e.IdleBytes),
	}
}

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

// Limit returns the limit of a goal as text.
func (g Goal) Limit() string {
	switch {
	case g.P99 > 0:
		return fmt.Sprintf("p99 ≤ %.2f", g.P99)
	case g.Bytes > 0:
		return fmt.Sprintf("≤ %.0f B", g.Bytes)
	case g.Imbalance > 0:
		return fmt.Sprintf("shares ≤ %.1f", g.Imbalance)
	default:
		return fmt.Sprintf("≥ %.2f", g.Throughput)
	}
}

// Measured returns what the goal is compared with, as text.
func (c Check) Measured() string {
	server, _ := c.Result.server(c.Goal.Server)
	switch {
	case c.Goal.P99 > 0 && c.Result.Latency.ratio(c.Goal.Versus).P99.Pairs > 0:
		return c.Result.Latency.ratio(c.Goal.Versus).P99.String()
	case c.Goal.Bytes > 0 && len(server.IdleBytes) > 0:
		return bytesRange(server)
	case c.Goal.Imbalance > 0 && len(server.Shares) > 0:
		return fmt.Sprintf("%.2f", server.Imbalance())
	case c.Comparison.Throughput.Pairs > 0:
		return c.Comparison.Throughput.String()
	default:
		return ""
	}
}

func bytesRange(e ServerResult) string {
	i := bytesInterval(e)
	return fmt.Sprintf("%.0f (%.0f–%.0f)", i.Median, i.Low, i.High)
}

// String returns the verdict and the reason.
func (c Check) String() string {
	text := string(c.Verdict)
	if c.Verdict == Missed || c.Verdict == Failed {
		text = "**" + text + "**"
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}
