package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/accept"
	"echod/internal/agent"
)

var (
	acting = gauge("echod_agent_sessions_active", "Scenarios that the agent is acting out now.")
	acted  = counter("echod_agent_sessions_total", "Scenarios acted out, by how their connection ended, and requests refused.", "result")

	agentDisplaced      = counter("echod_agent_connections_displaced_total", "Connections closed in favour of newer ones, because too many had no scenario.")
	agentDatagramErrors = counter("echod_agent_datagram_errors_total", "Errors that the agent's UDP socket reported when it was read.")
	agentAccepts        = counter("echod_agent_accept_errors_total", "Errors of accept and pauses of the agent's listener.", "reason")
)

// farEnd collects from snapshots of an agent.
type farEnd struct{ snapshot func() agent.Snapshot }

// Agent collects how an agent is doing. snapshot may be called from any
// goroutine.
func Agent(snapshot func() agent.Snapshot) prometheus.Collector { return farEnd{snapshot} }

func (a farEnd) Describe(to chan<- *prometheus.Desc) {
	describe(to, []family{acting, acted, agentDisplaced, agentDatagramErrors, agentAccepts})
}

func (a farEnd) Collect(to chan<- prometheus.Metric) {
	snap := a.snapshot()
	tell(to, acting, snap.Active)
	for _, end := range agent.Ends() {
		tell(to, acted, snap.Ended[end], string(end))
	}
	tell(to, acted, snap.Refused, "refused")
	tell(to, agentDisplaced, snap.Displaced)
	tell(to, agentDatagramErrors, snap.DatagramErrors)
	for reason, n := range snap.Accepts {
		tell(to, agentAccepts, n, accept.Reason(reason).String())
	}
}
