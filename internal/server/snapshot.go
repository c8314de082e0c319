package server

import (
	"context"
	"time"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/sock"
)

// Snapshot is how a service is doing. Taking one costs the engines nothing.
type Snapshot struct {
	Started  time.Time     // when the listeners were bound
	Draining bool          // from the first moment of a drain, and ever after
	Limits   engine.Limits // those in force, defaults filled in
	Engines  []EngineSnapshot
}

// EngineSnapshot is how one engine of a service is doing.
type EngineSnapshot struct {
	Engine    string      // its name
	Listeners []sock.Spec // as really bound
	Stats     engine.Stats
}

// Peers is the n streams of all engines that moved most bytes and the n that have
// waited longest, each once. The error is ctx's, if an engine does not answer.
func (s *Service) Peers(ctx context.Context, n int) ([]engine.Peer, error) {
	ranking := engine.NewTopPeers(n)
	for _, m := range s.members {
		peers, err := m.Peers(ctx, n)
		if err != nil {
			return nil, err
		}
		for i := range peers {
			ranking.Add(&peers[i])
		}
	}
	return ranking.Peers(), nil
}

// Snapshot tells how the service is doing now.
func (s *Service) Snapshot() Snapshot {
	snap := Snapshot{Started: s.started, Draining: s.end.Phase() != drain.Serving, Limits: s.cfg.Limits}
	for _, m := range s.members {
		snap.Engines = append(snap.Engines, EngineSnapshot{m.engine, m.Listeners(), m.Stats()})
	}
	return snap
}
