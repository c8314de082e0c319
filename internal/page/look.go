package page

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// peersTime is how long the streams may take to tell of themselves.
const peersTime = time.Second

// look is the state of now.
func (p *Page) look(ctx context.Context) *State {
	s := &State{Format: Format, Name: p.config.Name, Version: p.config.Version, State: "serving"}
	p.lookBack(s)
	if p.config.Peers != nil {
		s.Peers = p.lookAtPeers(ctx)
	}
	if p.config.Matrix != nil {
		if m := p.config.Matrix(); m != nil {
			s.Matrix = m.state()
		}
	}
	return s
}

// lookBack tells of the newest sample, and what became of those before it.
func (p *Page) lookBack(s *State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.At = p.at
	if len(p.history.taken) == 0 {
		return
	}
	h, now := &p.history, p.history.newest()
	if now.Draining {
		s.State, s.DrainingSince = "draining", p.draining
	}
	if !now.Started.IsZero() {
		s.Started, s.UptimeSeconds = now.Started, int64(now.at.Sub(now.Started).Seconds())
	}
	for _, l := range now.Listeners {
		s.Listeners = append(s.Listeners, ListenerState(l))
	}
	if now.Traffic != nil {
		s.Traffic = h.traffic(now.Traffic)
	}
	if now.Agent != nil {
		s.Agent = h.agent(now.Agent)
	}
}

func (h *history) traffic(t *Traffic) *TrafficState {
	return &TrafficState{
		Connections: t.Active, MaxConnections: t.MaxActive, HeldBytes: t.Held, MaxHeldBytes: t.MaxHeld,
		AcceptedTotal: t.Accepted, BytesInTotal: t.BytesIn, BytesOutTotal: t.BytesOut,
		DiscardedBytesTotal: t.Discarded, DatagramsInTotal: t.DatagramsIn, DatagramsOutTotal: t.DatagramsOut,
		Closes:         h.counts(t.Closes, inTraffic(func(t *Traffic) []Count { return t.Closes })),
		Refusals:       h.counts(t.Refused, inTraffic(func(t *Traffic) []Count { return t.Refused })),
		AcceptFailures: h.counts(t.Accepts, inTraffic(func(t *Traffic) []Count { return t.Accepts })),
		Handshakes:     h.counts(t.Handshakes, inTraffic(func(t *Traffic) []Count { return t.Handshakes })),
		Drops:          h.counts(t.Drops, inTraffic(func(t *Traffic) []Count { return t.Drops })),
		Loops:          h.loops(t.Loops),
		History: HistoryState{
			Connections:           h.levels(ofTraffic(func(t *Traffic) uint64 { return t.Active })),
			HeldBytes:             h.levels(ofTraffic(func(t *Traffic) uint64 { return t.Held })),
			BytesInPerSecond:      h.rates(ofTraffic(func(t *Traffic) uint64 { return t.BytesIn })),
			BytesOutPerSecond:     h.rates(ofTraffic(func(t *Traffic) uint64 { return t.BytesOut })),
			AcceptedPerSecond:     h.rates(ofTraffic(func(t *Traffic) uint64 { return t.Accepted })),
			ClosedPerSecond:       h.rates(ofTraffic(closed)),
			DatagramsInPerSecond:  h.rates(ofTraffic(func(t *Traffic) uint64 { return t.DatagramsIn })),
			DatagramsOutPerSecond: h.rates(ofTraffic(func(t *Traffic) uint64 { return t.DatagramsOut })),
		},
	}
}

func closed(t *Traffic) uint64 {
	var sum uint64
	for _, c := range t.Closes {
		sum += c.N
	}
	return sum
}

func (h *history) agent(a *Agent) *AgentState {
	s := &AgentState{Active: a.Active, MaxActive: a.MaxActive, Sessions: []SessionState{}, Ends: h.counts(a.Ends,
		func(s *Sample) []Count {
			if s.Agent == nil {
				return nil
			}
			return s.Agent.Ends
		})}
	s.History.Active = h.levels(func(s *Sample) (uint64, bool) {
		if s.Agent == nil {
			return 0, false
		}
		return s.Agent.Active, true
	})
	for _, x := range a.Sessions {
		s.Sessions = append(s.Sessions, SessionState{x.ID, x.Scenario, x.Client, x.Started, x.Took.Seconds(), x.Received, x.Sent, x.End})
	}
	return s
}

// ofTraffic asks samples that are of an echo for one of its numbers.
func ofTraffic(of func(*Traffic) uint64) func(*Sample) (uint64, bool) {
	return func(s *Sample) (uint64, bool) {
		if s.Traffic == nil {
			return 0, false
		}
		return of(s.Traffic), true
	}
}

// inTraffic asks samples that are of an echo for one of its lists.
func inTraffic(list func(*Traffic) []Count) func(*Sample) []Count {
	return func(s *Sample) []Count {
		if s.Traffic == nil {
			return nil
		}
		return list(s.Traffic)
	}
}

// counts tells of each in a list how it grew.
func (h *history) counts(now []Count, list func(*Sample) []Count) []CountState {
	all := make([]CountState, 0, len(now))
	for i, c := range now {
		of := func(s *Sample) (uint64, bool) {
			counts := list(s)
			if i >= len(counts) || counts[i].Name != c.Name {
				return 0, false
			}
			return counts[i].N, true
		}
		state := CountState{Name: c.Name, Total: c.N, LastMinute: h.grown(of, 60)}
		if c.N > 0 {
			state.Tens = h.tens(of)
		}
		all = append(all, state)
	}
	return all
}

// tens is how much a count grew in each ten seconds.
func (h *history) tens(of func(*Sample) (uint64, bool)) values {
	all := unknown(span / 10)
	// By the clock, so that none changes its size only because time passes.
	now := h.newest().at.Unix() / 10
	h.growths(of, func(_, to time.Time, n uint64) {
		i := len(all) - 1 - int(now-to.Unix()/10)
		if i < 0 {
			return
		}
		if math.IsNaN(all[i]) {
			all[i] = 0
		}
		all[i] += float64(n)
	})
	return all
}

func (h *history) loops(now []Loop) []LoopState {
	all := make([]LoopState, 0, len(now))
	sums, numbers := map[string]uint64{}, map[string]int{}
	for _, l := range now {
		sums[l.Engine] += l.Active
	}
	for i, l := range now {
		turns := h.rates(ofTraffic(func(t *Traffic) uint64 {
			if i >= len(t.Loops) {
				return 0
			}
			return t.Loops[i].Turns
		}))
		state := LoopState{Engine: l.Engine, Loop: numbers[l.Engine], Connections: l.Active, TurnsPerSecond: figure(turns.last())}
		if l.Active > 0 {
			state.Share = tidy(float64(l.Active) / float64(sums[l.Engine]))
		}
		numbers[l.Engine]++
		all = append(all, state)
	}
	return all
}

// most is how many peers a list has at the most.
const most = 8

// lookAtPeers asks the streams, and says so if they do not answer in time.
func (p *Page) lookAtPeers(ctx context.Context) *PeersState {
	ctx, cancel := context.WithTimeout(ctx, peersTime)
	defer cancel()
	s := &PeersState{Busiest: []PeerState{}, Waiting: []PeerState{}}
	peers, err := p.config.Peers(ctx)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	for _, peer := range peers {
		state := PeerState{peer.ID, peer.Addr, peer.Network, peer.BytesIn, peer.BytesOut, peer.Owed, peer.Waiting.Seconds()}
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
	s.Busiest, s.Waiting = s.Busiest[:min(most, len(s.Busiest))], s.Waiting[:min(most, len(s.Waiting))]
	return s
}

// measured is d, or not known if it is 0.
func measured(d time.Duration) figure {
	if d == 0 {
		return figure(math.NaN())
	}
	return figure(tidy(d.Seconds()))
}
