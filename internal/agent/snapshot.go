package agent

import (
	"cmp"
	"echod/internal/accept"
	"maps"
	"slices"
	"time"
)

// Snapshot is how an agent is doing.
type Snapshot struct {
	Active  int            // scenarios being acted out now
	Ended   map[End]uint64 // scenarios that are over, by how their connection ended
	Refused uint64         // requests that were refused

	Displaced      uint64 // connections closed in favour of newer ones, see maxNewcomers
	DatagramErrors uint64 // errors that the UDP socket reported

	Accepts [accept.NumReasons]uint64 // callers not accepted and pauses of the listener, by accept.Reason

	Latest []Session // at most maxLatest, the newest first
}

// Session is one scenario, acted out now or lately.
type Session struct {
	Report  Report
	Client  string // its address
	Started time.Time
}

// maxLatest is how many sessions a snapshot holds.
const maxLatest = 20

// Snapshot returns how the agent is doing now. It may be called from any
// goroutine, also before Serve.
func (s *Server) Snapshot() Snapshot {
	s.init()
	t := s.runs
	t.mu.Lock()
	defer t.mu.Unlock()
	var accepts [accept.NumReasons]uint64
	for i := range accepts {
		accepts[i] = s.accepts[i].Load()
	}
	return Snapshot{
		Accepts: accepts,
		Active:  t.active, Ended: maps.Clone(t.ended), Refused: t.refused, Latest: t.latest(),
		Displaced: s.newcomers.displacedCount(), DatagramErrors: s.keys.failed.Load(),
	}
}

// latest are the runs that began last.
func (t *runTable) latest() []Session {
	newestFirst := func(a, b *run) int { return cmp.Or(b.start.Compare(a.start), cmp.Compare(a.report.ID, b.report.ID)) }
	all := slices.SortedFunc(maps.Values(t.runs), newestFirst)
	var latest []Session
	for _, r := range all[:min(len(all), maxLatest)] {
		latest = append(latest, Session{r.snapshot(), r.conn.RemoteAddr().String(), r.start})
	}
	return latest
}

// Ends are all the ways in which a scenario's connection can have ended.
func Ends() []End { return []End{FIN, Reset, Acted, Limit, Error} }
