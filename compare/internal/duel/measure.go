package duel

// Measure is one way to read a round: a figure of each side, and so a ratio.
type Measure struct {
	Name string
	of   func(Sample) (amount, per float64)
}

// Ratio is the rival's figure as a multiple of the base's.
func (m Measure) Ratio(r Round) float64 { return m.figure(r.Rival) / m.figure(r.Base) }

// figure is that of two samples together.
func (m Measure) figure(s [2]Sample) float64 {
	amount0, per0 := m.of(s[0])
	amount1, per1 := m.of(s[1])
	return (amount0 + amount1) / (per0 + per1)
}

// Throughput is messages per second: more is better. On a machine that has
// other work it says who was given the processor, too.
var Throughput = Measure{"throughput", func(s Sample) (amount, per float64) {
	return s.Messages, s.Seconds
}}

// The rest is processor time per message: less is better.
var (
	// MachineCPU is what both processors did. Nothing that a message cost is
	// missing from it, and whatever else ran there is in it.
	MachineCPU = Measure{"CPU, both processors", func(s Sample) (amount, per float64) {
		return s.CPUSeconds, s.Messages
	}}
	// ProcessCPU is what client and server ran for: neighbours do not count.
	// On loopback the sender's context does the receiver's TCP work, and both
	// are in it.
	ProcessCPU = Measure{"CPU, client + server", func(s Sample) (amount, per float64) {
		return s.ClientSeconds + s.ServerSeconds, s.Messages
	}}
	// ServerCPU is what the server ran for, the client's receiving included
	// and its own not.
	ServerCPU = Measure{"CPU, server", func(s Sample) (amount, per float64) {
		return s.ServerSeconds, s.Messages
	}}
)

// Measures are all of them, in the order of the report.
func Measures() []Measure { return []Measure{Throughput, MachineCPU, ProcessCPU, ServerCPU} }
