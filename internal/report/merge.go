package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"echod/internal/hist"
	"echod/internal/load"
)

// Merge adds up the results of several generators that measured one service at the same
// time, by their clocks. The sum is the result of one generator with all their plans.
// Nothing is lost: histograms and counts add. The results do not change. The error is a
// *[MergeError] if they are not parts of one run.
func Merge(runs []Run) (*load.Result, error) {
	if err := cmp.Or(mergeable(runs), together(runs)); err != nil {
		return nil, err
	}
	return addUp(runs), nil
}

// MergeStarted is Merge for generators that are known to have started at one instant. Some may have
// ended before others began, if they had few messages.
func MergeStarted(runs []Run) (*load.Result, error) {
	if err := mergeable(runs); err != nil {
		return nil, err
	}
	return addUp(runs), nil
}

func addUp(runs []Run) *load.Result {
	var parts []load.Part
	var results []*load.Result
	for _, run := range runs {
		parts = append(parts, partsOf(run.Result)...)
		results = append(results, run.Result)
	}
	started, seconds := around(parts)
	whole := &load.Result{
		Format: load.Format, Echod: joined(parts, func(p load.Part) string { return p.Echod }),
		Environment: mergedEnvironment(parts), Plan: mergedPlan(results),
		Started: started, Seconds: seconds,
		Latency: hist.New(), CPU: mergedCPU(parts), Parts: parts,
	}
	for _, r := range results {
		whole.Add(r)
	}
	whole.Behind = mergedBehind(whole, results)
	whole.Intervals = mergedIntervals(started, results)
	return whole
}

// partsOf returns the parts of a merged result, or r itself as the only part.
func partsOf(r *load.Result) []load.Part {
	if len(r.Parts) > 0 {
		return r.Parts
	}
	return []load.Part{{Echod: r.Echod, Environment: r.Environment, Plan: r.Plan,
		Started: r.Started, Seconds: r.Seconds, Answered: r.AnsweredInTime, BytesIn: r.BytesInTime, CPU: r.CPU,
		Due: r.Due, Failed: r.Failed, Lost: r.Lost, Latency: r.Latency, Behind: r.Behind}}
}

// around returns the time from the first start to the last end.
func around(parts []load.Part) (started time.Time, seconds float64) {
	started = parts[0].Started
	for _, p := range parts {
		if p.Started.Before(started) {
			started = p.Started
		}
	}
	for _, p := range parts {
		seconds = max(seconds, p.Started.Sub(started).Seconds()+p.Seconds)
	}
	return started, seconds
}

// mergedBehind returns how far all generators together were behind, nil if none was.
func mergedBehind(whole *load.Result, results []*load.Result) *load.Behind {
	if !slices.ContainsFunc(results, func(r *load.Result) bool { return r.Behind != nil }) {
		return nil
	}
	sum := &load.Behind{}
	for _, r := range results {
		if r.Behind != nil {
			sum.Target += r.Behind.Target
			sum.Achieved += r.Behind.Achieved
			sum.SchedulingDelay = max(sum.SchedulingDelay, r.Behind.SchedulingDelay)
			continue
		}
		if asked, ok := divide(float64(r.Due), r.Seconds); ok {
			sum.Target += asked
			sum.Achieved += asked
		}
	}
	if whole.SchedulingDelay != nil {
		sum.SchedulingDelay = whole.SchedulingDelay.Quantile(0.99)
	}
	return sum
}

// second is one second of a sum, and its histograms. They are added up at the end, one
// second after another, because a folded histogram is small and an hour has many seconds.
type second struct {
	load.Interval
	latencies, delays []*hist.Hist
}

// secondOf returns an interval as a sum of one.
func secondOf(in load.Interval) *second {
	s := &second{Interval: in, latencies: []*hist.Hist{in.Latency}}
	if in.SchedulingDelay != nil {
		s.delays = []*hist.Hist{in.SchedulingDelay}
	}
	return s
}

// count adds the counts of other.
func (s *second) count(other *second) {
	s.Due += other.Due
	s.Answered += other.Answered
	s.BytesIn += other.BytesIn
	s.Failed += other.Failed
	s.Lost += other.Lost
	s.latencies = append(s.latencies, other.latencies...)
	s.delays = append(s.delays, other.delays...)
}

// sum returns the interval of s.
func (s *second) sum() load.Interval {
	s.Latency = folded(s.latencies)
	if len(s.delays) > 0 {
		s.SchedulingDelay = folded(s.delays)
	}
	return s.Interval
}

// folded returns the sum of histograms, folded.
func folded(all []*hist.Hist) *hist.Hist {
	sum := hist.New()
	for _, h := range all {
		sum.Add(h)
	}
	sum.Fold()
	return sum
}

// mergedIntervals adds each interval to the second of its middle, counted from started.
func mergedIntervals(started time.Time, results []*load.Result) []load.Interval {
	seconds := map[int]*second{}
	for _, r := range results {
		for i, own := range bySecond(r, r.Started.Sub(started).Seconds()) {
			if seconds[i] == nil {
				seconds[i] = own
				continue
			}
			seconds[i].Seconds = max(seconds[i].Seconds, own.Seconds)
			seconds[i].Conns += own.Conns
			seconds[i].count(own)
		}
	}
	var all []load.Interval
	for _, i := range slices.Sorted(maps.Keys(seconds)) {
		all = append(all, seconds[i].sum())
	}
	return all
}

// bySecond returns the intervals of one result, which started at offset, by the second of
// the sum. A short last interval may have the same second as the one before it.
func bySecond(r *load.Result, offset float64) map[int]*second {
	seconds := map[int]*second{}
	for _, in := range r.Intervals {
		i := int(offset + in.At + in.Seconds/2)
		if seconds[i] == nil {
			seconds[i] = &second{Interval: load.Interval{At: float64(i)}}
		}
		seconds[i].Seconds += in.Seconds
		seconds[i].Conns = in.Conns
		seconds[i].count(secondOf(in))
	}
	return seconds
}

// mergedPlan returns the plan of all generators together: each had a share of the
// connections, the rate and the messages.
func mergedPlan(results []*load.Result) load.Plan {
	whole := results[0].Plan
	whole.Sources, whole.Phase = slices.Clone(whole.Sources), 0
	for _, r := range results[1:] {
		whole.Conns += r.Plan.Conns
		whole.ConnectRate += r.Plan.ConnectRate
		whole.Rate = whole.Rate.Plus(r.Plan.Rate)
		whole.Messages += r.Plan.Messages
		whole.Sources = append(whole.Sources, r.Plan.Sources...)
	}
	return whole
}

// mergedEnvironment lists the different values of all machines.
func mergedEnvironment(parts []load.Part) load.Environment {
	of := func(field func(load.Environment) string) string {
		return joined(parts, func(p load.Part) string { return field(p.Environment) })
	}
	whole := load.Environment{
		Host:   of(func(e load.Environment) string { return e.Host }),
		OS:     of(func(e load.Environment) string { return e.OS }),
		Arch:   of(func(e load.Environment) string { return e.Arch }),
		Kernel: of(func(e load.Environment) string { return e.Kernel }),
		CPU:    of(func(e load.Environment) string { return e.CPU }),
		Go:     of(func(e load.Environment) string { return e.Go }),
	}
	hosts := map[string]int{}
	for _, p := range parts {
		hosts[p.Environment.Host] = max(hosts[p.Environment.Host], p.Environment.CPUs)
	}
	for _, cpus := range hosts {
		whole.CPUs += cpus
	}
	return whole
}

// joined returns the different values of a field of parts.
func joined(parts []load.Part, of func(load.Part) string) string {
	var all []string
	for _, p := range parts {
		if v := of(p); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, " + ")
}

// mergedCPU adds up CPU time. The time of a machine or of a server that two generators
// measured counts once.
func mergedCPU(parts []load.Part) load.CPU {
	type process struct {
		host string
		pid  int
	}
	var whole load.CPU
	system, unknown := map[string]float64{}, false
	server, memory := map[process]float64{}, map[process]int64{}
	for _, p := range parts {
		host := p.Environment.Host
		id := process{host, p.Plan.ServerPID}
		whole.Client += p.CPU.Client
		unknown = unknown || p.CPU.System == 0
		system[host] = max(system[host], p.CPU.System)
		if p.CPU.Server != nil {
			server[id] = max(server[id], *p.CPU.Server)
		}
		if p.CPU.ServerRSS != nil {
			memory[id] = max(memory[id], *p.CPU.ServerRSS)
		}
	}
	if !unknown {
		whole.System = *sum(system)
	}
	whole.Server, whole.ServerRSS = sum(server), sum(memory)
	return whole
}

// sum returns the sum of values, nil if there are none.
func sum[K comparable, V int64 | float64](values map[K]V) *V {
	if len(values) == 0 {
		return nil
	}
	all := new(V)
	for _, v := range values {
		*all += v
	}
	return all
}
