package comparison

import (
	"cmp"
	"fmt"
	"slices"
)

// Metric computes a value of a server from the samples of a round.
type Metric struct {
	Name string
	of   func(Sample) (amount, per float64)
}

// Of returns the value of two samples together.
func (m Metric) Of(p Pair) float64 {
	amount0, per0 := m.of(p[0])
	amount1, per1 := m.of(p[1])
	return (amount0 + amount1) / (per0 + per1)
}

// Ratios returns the ratio of server to base for each round that both have finished.
func (m Metric) Ratios(server, base ServerResult) []float64 {
	var all []float64
	for i := range min(len(server.Rounds), len(base.Rounds)) {
		all = append(all, m.Of(server.Rounds[i])/m.Of(base.Rounds[i]))
	}
	return all
}

// Values returns the value of each round.
func (m Metric) Values(e ServerResult) []float64 {
	var all []float64
	for _, p := range e.Rounds {
		all = append(all, m.Of(p))
	}
	return all
}

// A higher throughput is better. Lower values of all other metrics are better.
var (
	// Throughput is messages per second. On a busy machine it also depends on the
	// scheduler.
	Throughput = Metric{"throughput", func(s Sample) (amount, per float64) {
		return s.Messages, s.Seconds
	}}
	// ProcessCPU is the CPU time of client and server per message, without other
	// processes. On loopback the sender also does the TCP work of the receiver, so only
	// the sum is useful.
	ProcessCPU = Metric{"client + server CPU per message", func(s Sample) (amount, per float64) {
		return s.ClientSeconds + s.ServerSeconds, s.Messages
	}}
	// Loss is the number of lost datagrams for each one that came back.
	Loss = Metric{"lost", func(s Sample) (amount, per float64) {
		return s.Lost, s.Messages
	}}
	// Memory is the memory of the server in bytes for each idle connection.
	Memory = Metric{"memory per idle connection", func(s Sample) (amount, per float64) {
		return s.IdleBytes, 1
	}}
)

// Spread is the five-number summary of some values.
type Spread struct{ Min, Q1, Median, Q3, Max float64 }

// SpreadOf returns the summary of at least one value. It interpolates quantiles.
func SpreadOf(values []float64) Spread {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	at := func(q float64) float64 {
		pos := q * float64(len(sorted)-1)
		low := int(pos)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (pos-float64(low))*(sorted[high]-sorted[low])
	}
	return Spread{Min: at(0), Q1: at(0.25), Median: at(0.5), Q3: at(0.75), Max: at(1)}
}

// String returns the median, and the quartiles if there is more than one value.
func (s Spread) String() string {
	if s.Min == s.Max {
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Q1, s.Q3)
}
