package page

import (
	"context"
	"math"
	"strconv"
	"time"
)

// Format is the format of /state.json. It changes when a field changes its meaning, not
// when one is added.
const Format = "echod-state/1"

// State is /state.json: everything that the page shows. Names end with their unit. A
// rate or a level of null is not known.
type State struct {
	Format  string    `json:"format"`
	Name    string    `json:"name"`    // of the process
	Version string    `json:"version"` // of echod
	At      time.Time `json:"at"`      // of the newest sample

	State         string    `json:"state"` // serving or draining
	Started       time.Time `json:"started,omitzero"`
	UptimeSeconds int64     `json:"uptime_seconds"`
	DrainingSince time.Time `json:"draining_since,omitzero"`

	Listeners []ListenerState `json:"listeners,omitempty"`
	Traffic   *TrafficState   `json:"traffic,omitempty"`
	Peers     *PeersState     `json:"peers,omitempty"`
	Agent     *AgentState     `json:"agent,omitempty"`
	Matrix    *MatrixState    `json:"matrix,omitempty"`
}

// ListenerState is a listener.
type ListenerState struct {
	URL    string `json:"url"`
	Engine string `json:"engine,omitempty"` // omitted for an agent, which has none
}

// CountState is how often something has happened.
type CountState struct {
	Name       string `json:"name"`
	Total      uint64 `json:"total"`
	LastMinute uint64 `json:"last_minute"`
	// Tens has a value for each ten seconds of the last ten minutes. The last value
	// is that of now.
	Tens values `json:"per_ten_seconds"`
}

// state returns the state of now.
func (p *Page) state(ctx context.Context) *State {
	s := &State{Format: Format, Name: p.config.Name, Version: p.config.Version, State: "serving"}
	p.mu.Lock()
	s.At = p.at
	if len(p.history) > 0 {
		p.addTraffic(s)
		p.addAgent(s)
		if !s.Started.IsZero() {
			s.UptimeSeconds = int64(p.at.Sub(s.Started).Seconds())
		}
	}
	p.mu.Unlock()
	if p.config.Peers != nil {
		s.Peers = p.peers(ctx)
	}
	if p.config.Watch != nil {
		s.Matrix = matrix(p.config.Watch())
	}
	return s
}

// figure is a number that may be NaN, which means that it is not known. JSON writes
// null then.
type figure float64

// MarshalJSON implements [json.Marshaler].
func (f figure) MarshalJSON() ([]byte, error) { return appendFigure(nil, float64(f)), nil }

// secondsOf returns d in seconds. A d of 0 was not measured.
func secondsOf(d time.Duration) figure {
	if d == 0 {
		return figure(math.NaN())
	}
	return figure(rounded(d.Seconds()))
}

// MarshalJSON implements [json.Marshaler]. It omits the unknown values at the
// beginning.
func (v values) MarshalJSON() ([]byte, error) {
	for len(v) > 0 && math.IsNaN(v[0]) {
		v = v[1:]
	}
	text := []byte{'['}
	for i, f := range v {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendFigure(text, f)
	}
	return append(text, ']'), nil
}

func appendFigure(text []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(text, "null"...)
	}
	return strconv.AppendFloat(text, v, 'f', -1, 64)
}
