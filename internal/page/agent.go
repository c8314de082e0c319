package page

import (
	"time"

	"echod/internal/agent"
)

// AgentState is what an agent does and has done.
type AgentState struct {
	Active    uint64         `json:"active"`
	MaxActive uint64         `json:"max_active,omitempty"`
	Ends      []CountState   `json:"ends"` // by result
	Sessions  []SessionState `json:"sessions"`
	History   struct {
		Active values `json:"active"`
	} `json:"history"`
}

// SessionState is a scenario that the agent runs or has run.
type SessionState struct {
	ID            string    `json:"id"`
	Scenario      string    `json:"scenario"`
	Client        string    `json:"client"`
	Started       time.Time `json:"started"`
	TookSeconds   float64   `json:"took_seconds"` // until now, or until it ended
	ReceivedBytes uint64    `json:"received_bytes"`
	SentBytes     uint64    `json:"sent_bytes"`
	End           string    `json:"end,omitempty"` // omitted while it runs
}

// addAgent adds the newest snapshot of an agent to s, and its history. p.mu is held.
func (p *Page) addAgent(s *State) {
	if p.config.Agent == nil {
		return
	}
	h, snap := p.history, p.history.newest().agent
	s.Started, s.Listeners = p.started, []ListenerState{{URL: p.config.AgentURL}}
	s.Agent = &AgentState{Active: uint64(snap.Active), MaxActive: uint64(p.config.AgentLimits.Runs), Sessions: []SessionState{}}
	s.Agent.History.Active = h.levels(func(s *sample) uint64 { return uint64(s.agent.Active) })
	for _, end := range agent.Ends() {
		s.Agent.Ends = append(s.Agent.Ends, h.count(string(end), func(s *sample) uint64 { return s.agent.Ended[end] }))
	}
	s.Agent.Ends = append(s.Agent.Ends, h.count("refused", func(s *sample) uint64 { return s.agent.Refused }))
	for _, one := range snap.Latest {
		r := one.Report
		session := SessionState{
			ID: r.ID, Scenario: r.Scenario, Client: one.Client, Started: one.Started,
			TookSeconds:   (time.Duration(r.TotalMS) * time.Millisecond).Seconds(),
			ReceivedBytes: uint64(r.Received), SentBytes: uint64(r.Sent),
		}
		if r.End != agent.Open {
			session.End = string(r.End)
		}
		s.Agent.Sessions = append(s.Agent.Sessions, session)
	}
}
