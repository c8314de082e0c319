package contest

// Measure is one way to read a round: a figure of each contender.
type Measure struct {
	Name string
	of   func(Sample) (amount, per float64)
}

// Of is the figure of two samples together.
func (m Measure) Of(p Pair) float64 {
	amount0, per0 := m.of(p[0])
	amount1, per1 := m.of(p[1])
	return (amount0 + amount1) / (per0 + per1)
}

// Ratios are the rival's figures as multiples of the base's, of the rounds that
// both finished.
func (m Measure) Ratios(rival, base Entry) []float64 {
	var all []float64
	for i := range min(len(rival.Rounds), len(base.Rounds)) {
		all = append(all, m.Of(rival.Rounds[i])/m.Of(base.Rounds[i]))
	}
	return all
}

// Figures are those of each round.
func (m Measure) Figures(e Entry) []float64 {
	var all []float64
	for _, p := range e.Rounds {
		all = append(all, m.Of(p))
	}
	return all
}

// More is better of one measure, and less of all others.
var (
	// Throughput is messages per second. On a machine that has other work it
	// says who was given the processor, too.
	Throughput = Measure{"throughput", func(s Sample) (amount, per float64) {
		return s.Messages, s.Seconds
	}}
	// MachineCPU is processor time per message, of both processors. Nothing
	// that a message cost is missing from it, and whatever else ran there is
	// in it.
	MachineCPU = Measure{"system CPU per message", func(s Sample) (amount, per float64) {
		return s.CPUSeconds, s.Messages
	}}
	// ProcessCPU is what client and server ran for: neighbours do not count.
	// On loopback the sender's context does the receiver's TCP work, and both
	// are in it.
	ProcessCPU = Measure{"client + server CPU per message", func(s Sample) (amount, per float64) {
		return s.ClientSeconds + s.ServerSeconds, s.Messages
	}}
	// Loss is datagrams lost for each that came back.
	Loss = Measure{"lost", func(s Sample) (amount, per float64) {
		return s.Lost, s.Messages
	}}
	// Memory is bytes of the server for each idle connection.
	Memory = Measure{"memory per idle connection", func(s Sample) (amount, per float64) {
		return s.IdleBytes, 1
	}}
)
