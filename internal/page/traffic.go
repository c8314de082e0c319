package page

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
)

// TrafficState is what a service does and has done, all engines together.
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

	Closes       []CountState `json:"closes"`         // by cause
	Refusals     []CountState `json:"refusals"`       // by reason
	AcceptErrors []CountState `json:"accept_errors"`  // by reason
	Handshakes   []CountState `json:"tls_handshakes"` // by result
	Drops        []CountState `json:"datagram_drops"` // by reason

	Loops   []LoopState  `json:"loops"`
	History HistoryState `json:"history"`
}

// HistoryState has a value for each second. The last value is that of now.
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

// LoopState is an event loop.
type LoopState struct {
	Engine         string  `json:"engine"`
	Loop           int     `json:"loop"` // from 0, of its engine
	Connections    uint64  `json:"connections"`
	Share          float64 `json:"share"` // of the connections of its engine, from 0 to 1
	TurnsPerSecond figure  `json:"turns_per_second"`
}

// addTraffic adds the newest snapshot of a service to s, and its history. p.mu is held.
func (p *Page) addTraffic(s *State) {
	if p.config.Serve == nil {
		return
	}
	h, snap, now := p.history, &p.service, p.history.newest().stats
	if snap.Draining {
		s.State, s.DrainingSince = "draining", p.draining
	}
	s.Started = snap.Started
	for _, e := range snap.Engines {
		for _, l := range e.Listeners {
			s.Listeners = append(s.Listeners, ListenerState{l.String(), e.Engine})
		}
	}
	s.Traffic = &TrafficState{
		Connections: now.Active, MaxConnections: uint64(snap.Limits.MaxConns), HeldBytes: now.Held, MaxHeldBytes: uint64(snap.Limits.MaxMemory),
		AcceptedTotal: now.Accepted, BytesInTotal: now.BytesIn, BytesOutTotal: now.BytesOut,
		DiscardedBytesTotal: now.Discarded, DatagramsInTotal: now.DatagramsIn, DatagramsOutTotal: now.DatagramsOut,
		Closes:       countStates[engine.Cause](h, func(s *engine.Stats) []uint64 { return s.Closes[:] }),
		Refusals:     countStates[engine.Refusal](h, func(s *engine.Stats) []uint64 { return s.Refused[:] }),
		AcceptErrors: countStates[accept.Reason](h, func(s *engine.Stats) []uint64 { return s.Accepts[:] }),
		Handshakes:   countStates[engine.Handshake](h, func(s *engine.Stats) []uint64 { return s.Handshakes[:] }),
		Drops:        countStates[echo.Drop](h, func(s *engine.Stats) []uint64 { return s.Drops[:] })[1:], // the first is no drop
		Loops:        p.loops(),
		History: HistoryState{
			Connections:           h.levels(func(s *sample) uint64 { return s.stats.Active }),
			HeldBytes:             h.levels(func(s *sample) uint64 { return s.stats.Held }),
			BytesInPerSecond:      h.rates(func(s *sample) uint64 { return s.stats.BytesIn }),
			BytesOutPerSecond:     h.rates(func(s *sample) uint64 { return s.stats.BytesOut }),
			AcceptedPerSecond:     h.rates(func(s *sample) uint64 { return s.stats.Accepted }),
			ClosedPerSecond:       h.rates(closed),
			DatagramsInPerSecond:  h.rates(func(s *sample) uint64 { return s.stats.DatagramsIn }),
			DatagramsOutPerSecond: h.rates(func(s *sample) uint64 { return s.stats.DatagramsOut }),
		},
	}
}

func closed(s *sample) uint64 {
	var sum uint64
	for _, n := range s.stats.Closes {
		sum += n
	}
	return sum
}

// countStates returns the state of each count in an array. K is the type of its index.
func countStates[K interface {
	~uint8
	fmt.Stringer
}](h history, list func(*engine.Stats) []uint64) []CountState {
	var all []CountState
	for i := range list(h.newest().stats) {
		all = append(all, h.count(K(i).String(), func(s *sample) uint64 { return list(s.stats)[i] }))
	}
	return all
}

// loops returns the state of each event loop. Engines without loops have none.
func (p *Page) loops() []LoopState {
	all := []LoopState{}
	for _, e := range p.service.Engines {
		for i, l := range e.Stats.Loops {
			place := len(all) // among the loops of all engines
			turns := p.history.rates(func(s *sample) uint64 {
				if place >= len(s.stats.Loops) {
					return 0
				}
				return s.stats.Loops[place].Turns
			})
			state := LoopState{Engine: e.Engine, Loop: i, Connections: l.Active, TurnsPerSecond: figure(turns.last())}
			var active uint64
			for _, other := range e.Stats.Loops {
				active += other.Active
			}
			if active > 0 {
				state.Share = rounded(float64(l.Active) / float64(active))
			}
			all = append(all, state)
		}
	}
	return all
}

// PeersState is some of the streams.
type PeersState struct {
	Busiest []PeerState `json:"busiest"` // those that moved most bytes, most first
	Waiting []PeerState `json:"waiting"` // stalled readers, the longest first
	Problem string      `json:"problem,omitempty"`
}

// PeerState is one stream.
type PeerState struct {
	ID             uint64  `json:"id,string"` // text, since numbers of JavaScript have only 53 bits
	Address        string  `json:"address"`   // empty on a unix socket
	Network        string  `json:"network"`
	BytesIn        uint64  `json:"bytes_in"`
	BytesOut       uint64  `json:"bytes_out"`
	OwedBytes      uint64  `json:"owed_bytes"`
	WaitingSeconds float64 `json:"waiting_seconds"`

	Traced bool `json:"-"` // there is /trace
}

const (
	maxPeers     = 8 // in each list
	peersTimeout = time.Second
)

// peers returns the busiest streams and the stalled readers, or the reason why they are
// not known.
func (p *Page) peers(ctx context.Context) *PeersState {
	ctx, cancel := context.WithTimeout(ctx, peersTimeout)
	defer cancel()
	s := &PeersState{Busiest: []PeerState{}, Waiting: []PeerState{}}
	peers, err := p.config.Peers(ctx, maxPeers)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	for _, peer := range peers {
		state := PeerState{ID: peer.ID, Network: peer.Network, BytesIn: peer.BytesIn, BytesOut: peer.BytesOut,
			OwedBytes: peer.Owed, WaitingSeconds: peer.Waiting.Seconds(), Traced: p.config.Trace != nil}
		if peer.Addr.IsValid() {
			state.Address = peer.Addr.String()
		}
		s.Busiest = append(s.Busiest, state)
		if peer.Waiting > 0 {
			s.Waiting = append(s.Waiting, state)
		}
	}
	slices.SortStableFunc(s.Busiest, func(a, b PeerState) int {
		return cmp.Or(cmp.Compare(b.BytesIn+b.BytesOut, a.BytesIn+a.BytesOut), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(s.Waiting, func(a, b PeerState) int {
		return cmp.Or(cmp.Compare(b.WaitingSeconds, a.WaitingSeconds), cmp.Compare(a.ID, b.ID))
	})
	s.Busiest, s.Waiting = s.Busiest[:min(maxPeers, len(s.Busiest))], s.Waiting[:min(maxPeers, len(s.Waiting))]
	return s
}
