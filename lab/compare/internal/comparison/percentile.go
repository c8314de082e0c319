package comparison

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// LatencyRatio has the intervals of a server relative to a base.
type LatencyRatio struct {
	Versus
	P50 Interval `json:"p50"`
	P99 Interval `json:"p99"`
}

// compare makes the ratios from all slices until now.
func (l *Latency) compare(seed uint64) {
	base := l.Servers[0]
	l.Ratios = nil
	for _, e := range l.Servers[1:] {
		if p50, p99 := P50.Ratios(e, base), P99.Ratios(e, base); len(p99) > 0 {
			l.Ratios = append(l.Ratios, LatencyRatio{Versus{e.Name, base.Name}, IntervalOf(p50, seed), IntervalOf(p99, seed)})
		}
	}
}

// ratio returns the ratio of two servers. It has no pairs if they were not compared.
func (l *Latency) ratio(v Versus) LatencyRatio {
	i := slices.IndexFunc(l.Ratios, func(r LatencyRatio) bool { return r.Versus == v })
	if i < 0 {
		return LatencyRatio{}
	}
	return l.Ratios[i]
}

// CannotTell returns why no verdict can be given, or "".
func (l *Latency) CannotTell() string {
	base := l.Servers[0].Name
	itself := l.ratio(Versus{base + again, base}).P99
	switch {
	case l.Why != "":
		return l.Why
	case l.Disturbed:
		return fmt.Sprintf("%d of %d slices were disturbed", l.Discards(), l.Tried)
	case math.Round(l.Share*100) < latencyShare*100:
		return fmt.Sprintf("the generator is on time up to %.0f %% of the throughput of %s, not up to %.0f %%", l.Share*100, base, latencyShare*100)
	case itself.Pairs < minPairs:
		return fmt.Sprintf("%d pairs, want %d", itself.Pairs, minPairs)
	case !itself.contains(1):
		return fmt.Sprintf("p99 of %s is at %s of itself", base, itself)
	}
	return ""
}

// check returns the verdict for a goal, and why it was not told apart.
func (l *Latency) check(goal Goal) (Verdict, string) {
	server, _ := l.server(goal.Server)
	ratio := l.ratio(goal.Versus).P99
	switch why := l.CannotTell(); {
	case server.Failure != "":
		return Failed, server.Failure
	case why != "":
		return NotApart, why
	case ratio.Pairs < minPairs:
		return NotApart, fmt.Sprintf("%d pairs, want %d", ratio.Pairs, minPairs)
	default:
		return ratio.atMost(goal.P99), ""
	}
}

// String returns the rate and the ratios, for the progress.
func (l *Latency) String() string {
	if l.Why != "" {
		return "no latency: " + l.Why
	}
	text := fmt.Sprintf("latency at %.0f/s, %.0f %% of %s", l.Rate, l.Share*100, l.Servers[0].Name)
	for _, r := range l.Ratios {
		text += fmt.Sprintf(", %s p99 %s", r.Server, r.P99)
	}
	if l.Tried > 0 {
		text += fmt.Sprintf(", %d of %d slices thrown away", l.Discards(), l.Tried)
	}
	return text
}

// latencyRows has the latency of each server, and its ratio to the base.
func (r Report) latencyRows() [][]string {
	rows := [][]string{{"workload", "server", "messages/s", "of peak", "p50, µs", "p50, ratio", "p99, µs", "p99, ratio", "pairs"}}
	for _, result := range r.Results {
		if result.Latency == nil {
			continue
		}
		for _, e := range result.Latency.Servers {
			if len(e.Slices) == 0 {
				continue
			}
			row := []string{result.Name(), e.Name, fmt.Sprintf("%.0f", result.Latency.Rate),
				fmt.Sprintf("%.0f %%", result.Latency.Share*100), micros(P50, e), "", micros(P99, e), "", ""}
			if ratio := result.Latency.ratio(Versus{e.Name, result.Servers[0].Name}); ratio.P99.Pairs > 0 {
				row[5], row[7], row[8] = ratio.P50.String(), ratio.P99.String(), strconv.Itoa(ratio.P99.Pairs)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func micros(m Metric, e ServerResult) string { return fmt.Sprintf("%.1f", median(m.Values(e))*1e6) }
