package report

import (
	"slices"
	"strings"

	"echod/internal/load"
)

// mergedPlan is what all were asked to do together: each had its share of the
// connections, the rate and the messages.
func mergedPlan(results []*load.Result) load.Plan {
	whole := results[0].Plan
	whole.Sources = slices.Clone(whole.Sources)
	for _, r := range results[1:] {
		whole.Conns += r.Plan.Conns
		whole.ConnectRate += r.Plan.ConnectRate
		whole.Rate += r.Plan.Rate
		whole.Messages += r.Plan.Messages
		whole.Sources = append(whole.Sources, r.Plan.Sources...)
	}
	return whole
}

// mergedEnvironment names all machines; those that are alike once.
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

// joined are the different values that parts have of something.
func joined(parts []load.Part, of func(load.Part) string) string {
	var all []string
	for _, p := range parts {
		if v := of(p); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, " + ")
}

// mergedCPU adds up processor time. What two generators measured of the same
// machine, or of the same server, is the same time and counts once.
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

// sum is nil if there is nothing to add up.
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
