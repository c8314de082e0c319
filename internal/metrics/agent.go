package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/agent"
)

var (
	acting = gauge("echod_agent_sessions_active", "Scenarios that the agent is acting out now.")
	acted  = counter("echod_agent_sessions_total", "Scenarios acted out, by how their connection ended, and requests refused.", "result")
)

// farEnd collects from snapshots of an agent.
type farEnd struct{ snapshot func() agent.Snapshot }

// Agent collects how an agent is doing. snapshot may be called from any
// goroutine.
func Agent(snapshot func() agent.Snapshot) prometheus.Collector { return farEnd{snapshot} }

func (a farEnd) Describe(to chan<- *prometheus.Desc) { describe(to, []family{acting, acted}) }

func (a farEnd) Collect(to chan<- prometheus.Metric) {
	snap := a.snapshot()
	tell(to, acting, snap.Active)
	for _, end := range agent.Ends() {
		tell(to, acted, snap.Ended[end], string(end))
	}
	tell(to, acted, snap.Refused, "refused")
}
