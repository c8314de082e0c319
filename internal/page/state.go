package page

import (
	"math"
	"strconv"
	"time"
)

// Format is what /state.json says of itself. It changes when the meaning of a
// field does, not when one is added.
const Format = "echod-state/1"

// State is /state.json: everything that the page shows. Names end in their unit;
// a rate or a level of null is not known.
type State struct {
	Format  string    `json:"format"`
	Name    string    `json:"name"`    // what the process is
	Version string    `json:"version"` // of echod
	At      time.Time `json:"at"`      // when all this was so

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

// ListenerState is an address that is served.
type ListenerState struct {
	URL    string `json:"url"`
	Engine string `json:"engine,omitempty"`
}

// TrafficState is what an echo does and has done.
type TrafficState struct {
	Connections    uint64 `json:"connections"`
	MaxConnections uint64 `json:"max_connections,omitempty"`
	HeldBytes      uint64 `json:"held_bytes"`
	MaxHeldBytes   uint64 `json:"max_held_bytes,omitempty"`

	AcceptedTotal       uint64 `json:"accepted_total"`
	BytesInTotal        uint64 `json:"bytes_in_total"`
	BytesOutTotal       uint64 `json:"bytes_out_total"`
	DiscardedBytesTotal uint64 `json:"discarded_bytes_total"`
	DatagramsInTotal    uint64 `json:"datagrams_in_total"`
	DatagramsOutTotal   uint64 `json:"datagrams_out_total"`

	Closes         []CountState `json:"closes"`          // by cause
	Refusals       []CountState `json:"refusals"`        // by reason
	AcceptFailures []CountState `json:"accept_failures"` // by reason
	Handshakes     []CountState `json:"tls_handshakes"`  // by result
	Drops          []CountState `json:"datagram_drops"`  // by reason

	Loops   []LoopState  `json:"loops"`
	History HistoryState `json:"history"`
}

// HistoryState is a value for each second, the last one for now.
type HistoryState struct {
	Connections           values `json:"connections"`
	HeldBytes             values `json:"held_bytes"`
	BytesInPerSecond      values `json:"bytes_in_per_second"`
	BytesOutPerSecond     values `json:"bytes_out_per_second"`
	AcceptedPerSecond     values `json:"accepted_per_second"`
	ClosedPerSecond       values `json:"closed_per_second"`
	DatagramsInPerSecond  values `json:"datagrams_in_per_second"`
	DatagramsOutPerSecond values `json:"datagrams_out_per_second"`
}

// CountState is how often something has happened: ever, and of late.
type CountState struct {
	Name       string `json:"name"`
	Total      uint64 `json:"total"`
	LastMinute uint64 `json:"last_minute"`
	// Tens is a value for each ten seconds of ten minutes, the last one for now.
	Tens values `json:"per_ten_seconds"`
}

// LoopState is one event loop.
type LoopState struct {
	Engine         string  `json:"engine"`
	Loop           int     `json:"loop"` // from 0, of its engine
	Connections    uint64  `json:"connections"`
	Share          float64 `json:"share"` // of the connections of its engine, from 0 to 1
	TurnsPerSecond figure  `json:"turns_per_second"`
}

// AgentState is what the far end of checks does and has done.
type AgentState struct {
	Active    uint64         `json:"active"`
	MaxActive uint64         `json:"max_active,omitempty"`
	Ends      []CountState   `json:"ends"` // by result
	Sessions  []SessionState `json:"sessions"`
	History   struct {
		Active values `json:"active"`
	} `json:"history"`
}

// SessionState is a scenario that is acted out, or was.
type SessionState struct {
	ID            string    `json:"id"`
	Scenario      string    `json:"scenario"`
	Client        string    `json:"client"`
	Started       time.Time `json:"started"`
	TookSeconds   float64   `json:"took_seconds"`
	ReceivedBytes uint64    `json:"received_bytes"`
	SentBytes     uint64    `json:"sent_bytes"`
	End           string    `json:"end,omitempty"` // missing while it goes on
}

// PeersState is some of the streams.
type PeersState struct {
	Busiest []PeerState `json:"busiest"` // that moved most bytes, most first
	Waiting []PeerState `json:"waiting"` // whose peers take nothing of what they are owed, the longest first
	Problem string      `json:"problem,omitempty"`
}

// PeerState is one stream.
type PeerState struct {
	ID             uint64  `json:"id,string"` // text: it may be more than a browser can count to
	Address        string  `json:"address"`   // empty on a unix socket
	Network        string  `json:"network"`
	BytesIn        uint64  `json:"bytes_in"`
	BytesOut       uint64  `json:"bytes_out"`
	OwedBytes      uint64  `json:"owed_bytes"`
	WaitingSeconds float64 `json:"waiting_seconds"`
}

// figure is a number that may not be known, which JSON calls null.
type figure float64

// MarshalJSON implements [json.Marshaler].
func (f figure) MarshalJSON() ([]byte, error) { return appendFigure(nil, float64(f)), nil }

// MarshalJSON implements [json.Marshaler]: what is not known at the beginning is
// left out.
func (v values) MarshalJSON() ([]byte, error) {
	text := []byte{'['}
	for _, f := range v.known() {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = appendFigure(text, f)
	}
	return append(text, ']'), nil
}

// known is v without what is not known at its beginning.
func (v values) known() values {
	for i, f := range v {
		if !math.IsNaN(f) {
			return v[i:]
		}
	}
	return nil
}

func appendFigure(text []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(text, "null"...)
	}
	return strconv.AppendFloat(text, v, 'f', -1, 64)
}

// last is the value of now.
func (v values) last() float64 { return v[len(v)-1] }
