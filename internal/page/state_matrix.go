package page

import "time"

// MatrixState is what a watch sees of its targets.
type MatrixState struct {
	Targets []TargetState `json:"targets"`
}

// TargetState is what is watched, and the addresses that it has now.
type TargetState struct {
	URL       string         `json:"url"`
	Problem   string         `json:"problem,omitempty"` // why its name has no addresses
	Addresses []AddressState `json:"addresses"`
}

// AddressState is one address of a target. A time of null was never measured.
type AddressState struct {
	Address     string        `json:"address"`
	Up          bool          `json:"up"`
	Sent        uint64        `json:"sent_total"`
	Received    uint64        `json:"received_total"`
	Lost        uint64        `json:"lost_total"`
	LastSeconds figure        `json:"rtt_last_seconds"`
	P50Seconds  figure        `json:"rtt_p50_seconds"`
	P99Seconds  figure        `json:"rtt_p99_seconds"`
	MaxSeconds  figure        `json:"rtt_max_seconds"`
	Error       string        `json:"last_error,omitempty"` // its class
	ErrorAt     time.Time     `json:"last_error_at,omitzero"`
	History     []BucketState `json:"history"`
}

// BucketState is what came of the probes that left within a few seconds.
type BucketState struct {
	At          time.Time `json:"at"`
	SpanSeconds float64   `json:"span_seconds"`
	Sent        uint64    `json:"sent"`
	Lost        uint64    `json:"lost"`
	MinSeconds  figure    `json:"rtt_min_seconds"`
	AvgSeconds  figure    `json:"rtt_avg_seconds"`
	MaxSeconds  figure    `json:"rtt_max_seconds"`
}

// state is m as the page tells it.
func (m *Matrix) state() *MatrixState {
	all := &MatrixState{Targets: []TargetState{}}
	for _, t := range m.Targets {
		target := TargetState{URL: t.URL, Problem: t.Problem, Addresses: []AddressState{}}
		for _, a := range t.Addresses {
			target.Addresses = append(target.Addresses, a.state())
		}
		all.Targets = append(all.Targets, target)
	}
	return all
}

func (a Address) state() AddressState {
	s := AddressState{
		Address: a.Addr, Up: a.Up, Sent: a.Sent, Received: a.Received, Lost: a.Lost,
		LastSeconds: measured(a.Last), P50Seconds: measured(a.P50), P99Seconds: measured(a.P99), MaxSeconds: measured(a.Max),
		Error: a.Class, ErrorAt: a.Failed, History: []BucketState{},
	}
	for _, b := range a.History {
		s.History = append(s.History, BucketState{
			At: b.At, SpanSeconds: b.Span.Seconds(), Sent: b.Sent, Lost: b.Lost,
			MinSeconds: measured(b.Min), AvgSeconds: measured(b.Avg), MaxSeconds: measured(b.Max),
		})
	}
	return s
}
