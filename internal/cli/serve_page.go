package cli

import (
	"context"
	"fmt"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/page"
	"echod/internal/server"
)

// readiness is whether a service takes new work: not from the first moment of a
// drain.
func readiness(s *server.Service) func() (ok bool, why string) {
	return func() (bool, string) {
		if s.Snapshot().Draining {
			return false, "draining"
		}
		return true, ""
	}
}

// servicePage is the page of a service.
func servicePage(s *server.Service) page.Config {
	return page.Config{
		Name:   "echod serve",
		Sample: func() page.Sample { return serviceSample(s.Snapshot()) },
		Peers:  func(ctx context.Context) ([]page.Peer, error) { return servicePeers(ctx, s) },
	}
}

// peersShown is how many of the busiest streams are shown, and how many of those
// that wait longest.
const peersShown = 8

// servicePeers is some of the streams, in the page's words.
func servicePeers(ctx context.Context, s *server.Service) ([]page.Peer, error) {
	peers, err := s.Peers(ctx, peersShown)
	if err != nil {
		return nil, err
	}
	var shown []page.Peer
	for _, p := range peers {
		one := page.Peer{ID: p.ID, Network: p.Network, BytesIn: p.BytesIn, BytesOut: p.BytesOut, Owed: p.Owed, Waiting: p.Waiting}
		if p.Addr.IsValid() {
			one.Addr = p.Addr.String()
		}
		shown = append(shown, one)
	}
	return shown, nil
}

// serviceSample is a snapshot in the page's words: all engines together.
func serviceSample(snap server.Snapshot) page.Sample {
	sample := page.Sample{Started: snap.Started, Draining: snap.Draining}
	var sum engine.Stats
	var loops []page.Loop
	for _, e := range snap.Engines {
		for _, ln := range e.Listeners {
			sample.Listeners = append(sample.Listeners, page.Listener{URL: ln.String(), Engine: e.Engine})
		}
		for _, l := range e.Stats.Loops {
			loops = append(loops, page.Loop{Engine: e.Engine, Turns: l.Turns, Active: l.Active})
		}
		sum.Add(e.Stats)
	}
	sample.Traffic = &page.Traffic{
		Active: sum.Active, MaxActive: uint64(snap.Limits.MaxConns),
		Held: sum.Held, MaxHeld: uint64(snap.Limits.MaxMemory),
		Accepted: sum.Accepted,
		BytesIn:  sum.BytesIn, BytesOut: sum.BytesOut, Discarded: sum.Discarded,
		DatagramsIn: sum.DatagramsIn, DatagramsOut: sum.DatagramsOut,
		Closes:     counts[engine.Cause](sum.Closes[:]),
		Refused:    counts[engine.Refusal](sum.Refused[:]),
		Accepts:    counts[accept.Reason](sum.Accepts[:]),
		Handshakes: counts[engine.Handshake](sum.Handshakes[:]),
		Drops:      counts[echo.Drop](sum.Drops[:])[1:], // the first is no drop
		Loops:      loops,
	}
	return sample
}

// counts gives each count the name of its place.
func counts[K interface {
	~uint8
	fmt.Stringer
}](all []uint64) []page.Count {
	var named []page.Count
	for i, n := range all {
		named = append(named, page.Count{Name: K(i).String(), N: n})
	}
	return named
}
