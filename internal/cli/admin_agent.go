package cli

import (
	"time"

	"echod/internal/agent"
	"echod/internal/page"
)

// agentPage is the page of an agent that listens at url.
func agentPage(s *agent.Server, url string, limits agent.Limits) page.Config {
	started := time.Now()
	return page.Config{Name: "echod agent", Sample: func() page.Sample {
		return page.Sample{
			Started:   started,
			Listeners: []page.Listener{{URL: url}},
			Agent:     agentSample(s.Snapshot(), limits),
		}
	}}
}

// agentSample is a snapshot in the page's words.
func agentSample(snap agent.Snapshot, limits agent.Limits) *page.Agent {
	sample := &page.Agent{Active: uint64(snap.Active), MaxActive: uint64(limits.Runs)}
	for _, end := range agent.Ends() {
		sample.Ends = append(sample.Ends, page.Count{Name: string(end), N: snap.Ended[end]})
	}
	sample.Ends = append(sample.Ends, page.Count{Name: "refused", N: snap.Refused})
	for _, one := range snap.Latest {
		session := page.Session{
			ID: one.Report.ID, Scenario: one.Report.Scenario, Client: one.Client, Started: one.Started,
			Took:     time.Duration(one.Report.TotalMS) * time.Millisecond,
			Received: uint64(one.Report.Received), Sent: uint64(one.Report.Sent),
		}
		if one.Report.End != agent.Open {
			session.End = string(one.Report.End)
		}
		sample.Sessions = append(sample.Sessions, session)
	}
	return sample
}
