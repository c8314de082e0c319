package comparison

// Metric computes a value from a sample.
type Metric struct {
	Name string
	Of   func(Sample) float64
}

// A higher throughput is better. Lower values of all other metrics are better.
var (
	// Throughput is messages per second.
	Throughput = Metric{"throughput", func(s Sample) float64 { return s.Messages / s.Seconds }}
	// CPU is the CPU time of client and server per message, in seconds. On loopback the
	// sender also does the TCP work of the receiver, so only the sum is useful.
	CPU = Metric{"CPU per message", func(s Sample) float64 {
		return (s.ClientSeconds + s.ServerSeconds) / s.Messages
	}}
	// ServerBusy and ClientBusy are the shares of a CPU that the server and the generators use.
	ServerBusy = Metric{"server busy", func(s Sample) float64 { return s.ServerSeconds / s.Seconds }}
	ClientBusy = Metric{"generator busy", func(s Sample) float64 { return s.ClientSeconds / s.Seconds }}
	// Loss is the number of lost datagrams for each one that came back.
	Loss = Metric{"lost", func(s Sample) float64 { return s.Lost / s.Messages }}
)

// Ratios returns the ratio of server to base for each round in which both have a slice, in
// the order of the rounds.
func (m Metric) Ratios(server, base ServerResult) []float64 {
	var all []float64
	for i, j := 0, 0; i < len(server.Slices) && j < len(base.Slices); {
		a, b := server.Slices[i], base.Slices[j]
		if a.Round == b.Round {
			all = append(all, m.Of(a.Sample)/m.Of(b.Sample))
		}
		if a.Round <= b.Round {
			i++
		}
		if b.Round <= a.Round {
			j++
		}
	}
	return all
}

// Values returns the value of each slice.
func (m Metric) Values(e ServerResult) []float64 {
	var all []float64
	for _, s := range e.Slices {
		all = append(all, m.Of(s.Sample))
	}
	return all
}
