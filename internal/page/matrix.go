package page

import (
	"fmt"
	"strings"
	"time"

	"echod/internal/watch"
)

// MatrixState is what a watch knows of its targets.
type MatrixState struct {
	Targets []TargetState `json:"targets"`
}

// TargetState is a target, and the addresses that it has now.
type TargetState struct {
	URL       string            `json:"url"`
	Labels    map[string]string `json:"labels,omitempty"`
	Problem   string            `json:"problem,omitempty"` // why not all its addresses are known or monitored
	Addresses []AddressState    `json:"addresses"`
}

// AddressState is one address of a target. A time of null was not measured.
type AddressState struct {
	Address     string        `json:"address"`
	Resolved    bool          `json:"resolved"` // false: it has left the answers of the resolver
	Known       bool          `json:"known"`    // an answer, or an outage, was seen
	Up          *bool         `json:"up"`       // nil if it is not known
	Sent        uint64        `json:"sent_total"`
	Received    uint64        `json:"received_total"`
	Lost        uint64        `json:"lost_total"`
	Late        uint64        `json:"late_total"`
	Duplicated  uint64        `json:"duplicated_total"`
	Reordered   uint64        `json:"reordered_total"`
	Foreign     uint64        `json:"foreign_total"`
	Paused      uint64        `json:"paused_total"` // due or in flight while this process did not run
	Moved       uint64        `json:"moved_total"`  // the connection followed the name
	Stale       uint64        `json:"stale_total"`  // a new socket was answered, and the old one was not
	Retransmits uint64        `json:"syn_retransmits_total"`
	Connecting  []PhaseState  `json:"connecting,omitempty"` // with --reconnect
	Besides     string        `json:"-"`                    // some of these, in words
	LastSeconds figure        `json:"rtt_last_seconds"`
	P50Seconds  figure        `json:"rtt_p50_seconds"`
	P99Seconds  figure        `json:"rtt_p99_seconds"`
	MaxSeconds  figure        `json:"rtt_max_seconds"`
	Error       string        `json:"last_error,omitempty"` // its class
	ErrorAt     time.Time     `json:"last_error_at,omitzero"`
	History     []BucketState `json:"history"` // of the last ten minutes, oldest first; empty buckets are omitted
}

// PhaseState is a phase of connecting: a histogram of its durations.
type PhaseState struct {
	Phase      string    `json:"phase"`
	SumSeconds float64   `json:"sum_seconds"`
	UpTo       []float64 `json:"up_to_seconds"` // upper bounds; there is one count more than bounds
	Counts     []uint64  `json:"counts"`
}

func phaseStates(c watch.Connecting) []PhaseState {
	var all []PhaseState
	for _, p := range c.Phases() {
		state := PhaseState{Phase: p.Name, SumSeconds: p.Times.Sum.Seconds(), Counts: p.Times.Counts[:]}
		for _, bound := range watch.Bounds {
			state.UpTo = append(state.UpTo, bound.Seconds())
		}
		all = append(all, state)
	}
	return all
}

// BucketState is the result of the probes that were sent within a few seconds.
type BucketState struct {
	At          time.Time `json:"at"` // when it began
	SpanSeconds float64   `json:"span_seconds"`
	Sent        uint64    `json:"sent"`
	Lost        uint64    `json:"lost"`
	MinSeconds  figure    `json:"rtt_min_seconds"`
	AvgSeconds  figure    `json:"rtt_avg_seconds"`
	MaxSeconds  figure    `json:"rtt_max_seconds"`
	// Counts are how many round trips were up to each of UpTo seconds, and longer than the one
	// before.
	UpTo   []figure `json:"rtt_up_to_seconds"`
	Counts []int64  `json:"rtt_counts"`
}

func bucketState(b watch.Bucket) BucketState {
	s := BucketState{
		At: b.At, SpanSeconds: watch.BucketSpan.Seconds(), Sent: b.Sent, Lost: b.Lost,
		MinSeconds: secondsOf(b.Min), AvgSeconds: secondsOf(b.Mean()), MaxSeconds: secondsOf(b.Max),
		UpTo: []figure{}, Counts: []int64{},
	}
	for _, row := range b.Rows {
		s.UpTo, s.Counts = append(s.UpTo, secondsOf(row.To)), append(s.Counts, row.Count)
	}
	return s
}

func matrix(snap watch.Snapshot) *MatrixState {
	all := &MatrixState{Targets: []TargetState{}}
	for _, t := range snap.Targets {
		target := TargetState{URL: t.URL, Labels: t.Labels, Problem: t.Problem, Addresses: []AddressState{}}
		for _, a := range t.Addresses {
			target.Addresses = append(target.Addresses, addressState(a))
		}
		all.Targets = append(all.Targets, target)
	}
	return all
}

func addressState(a watch.AddressSnapshot) AddressState {
	of := a.Quantiles(0.5, 0.99, 1)
	s := AddressState{
		Address: a.Address, Resolved: a.Resolved, Known: a.Known, Sent: a.Sent, Received: a.Received, Lost: a.LostTotal(),
		Late: a.Late, Duplicated: a.Duplicated, Reordered: a.Reordered, Foreign: a.Foreign, Paused: a.Paused, Moved: a.Moved, Stale: a.Stale,
		Retransmits: a.Connecting.Retransmits, Connecting: phaseStates(a.Connecting), Besides: a.Besides(),
		LastSeconds: secondsOf(a.Last), P50Seconds: secondsOf(of[0]), P99Seconds: secondsOf(of[1]), MaxSeconds: secondsOf(of[2]),
		Error: string(a.Class), ErrorAt: a.Failed, History: []BucketState{},
	}
	if a.Known {
		s.Up = &a.Up
	}
	for _, b := range a.History {
		s.History = append(s.History, bucketState(b))
	}
	return s
}

// Health counts addresses by what is known of them.
type Health struct {
	Up, Down, Unknown int
	Problems          int // targets of which not all addresses are known or monitored
}

// Health returns the health of all addresses of t.
func (t TargetState) Health() (h Health) {
	h.add(t)
	return h
}

// Health returns the health of all addresses of all targets.
func (m *MatrixState) Health() (h Health) {
	for _, t := range m.Targets {
		h.add(t)
	}
	return h
}

func (h *Health) add(t TargetState) {
	if t.Problem != "" {
		h.Problems++
	}
	for _, a := range t.Addresses {
		switch a.State() {
		case "up":
			h.Up++
		case "down":
			h.Down++
		default:
			h.Unknown++
		}
	}
}

// State returns up, down or unknown.
func (a AddressState) State() string {
	switch {
	case a.Up == nil:
		return "unknown"
	case *a.Up:
		return "up"
	}
	return "down"
}

// State returns how h is shown: up, down or unknown. What is not known is neither up nor down.
func (h Health) State() string {
	switch {
	case h.Down > 0 || h.Problems > 0:
		return "down"
	case h.Unknown > 0 || h.Up == 0:
		return "unknown"
	}
	return "up"
}

// String returns the counts in words, e.g. 2 of 3 up, 1 not known yet.
func (h Health) String() string {
	var words []string
	known := h.Up + h.Down
	if known > 0 {
		words = append(words, fmt.Sprintf("%d of %d up", h.Up, known+h.Unknown))
	}
	if h.Unknown > 0 {
		words = append(words, fmt.Sprintf("%d not known yet", h.Unknown))
	}
	if len(words) == 0 {
		words = append(words, "no address is known yet")
	}
	return strings.Join(words, ", ")
}
