package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/accept"
	"echod/internal/agent"
)

// Agent collects the metrics of an agent. Snapshot is called from any goroutine.
func Agent(snapshot func() agent.Snapshot) prometheus.Collector {
	return collector[agent.Snapshot]{snapshot, []metric[agent.Snapshot]{
		gauge("echod_agent_sessions_active", "Scenarios that the agent runs now.", nil,
			func(s *agent.Snapshot, emit emit) { emit(float64(s.Active)) }),
		counter("echod_agent_sessions_total", "Ended scenarios, by how their connection ended, and refused requests.", []string{"result"},
			func(s *agent.Snapshot, emit emit) {
				for _, end := range agent.Ends() {
					emit(float64(s.Ended[end]), string(end))
				}
				emit(float64(s.Refused), "refused")
			}),
		counter("echod_agent_connections_displaced_total", "Connections closed in favour of newer ones, because too many had no scenario.", nil,
			func(s *agent.Snapshot, emit emit) { emit(float64(s.Displaced)) }),
		counter("echod_agent_datagram_errors_total", "Failed reads of the agent's UDP socket.", nil,
			func(s *agent.Snapshot, emit emit) { emit(float64(s.DatagramErrors)) }),
		counter("echod_agent_accept_errors_total", "Errors of accept(2) and pauses of the agent's listener, by reason.", []string{"reason"},
			func(s *agent.Snapshot, emit emit) {
				for i, n := range s.Accepts {
					emit(float64(n), accept.Reason(i).String())
				}
			}),
	}}
}
