package agent

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"echod/internal/accept"
)

const (
	maxReports    = 1024            // of runs that have ended
	reportTimeout = 2 * time.Minute // how long the report of a run is kept after its end
	maxLatest     = 20              // sessions in a Snapshot
)

// runTable holds the active runs, and the reports of runs that have ended. Each use
// drops old reports, so there is no timer. It never holds more than Limits.Runs active
// runs and maxReports reports.
type runTable struct {
	mu     sync.Mutex
	active int
	runs   map[string]*run // active and ended, by ID
	ended  []*run          // in the order in which they ended

	ends    map[End]uint64 // of all runs, dropped or not
	refused uint64
}

func newRunTable() *runTable {
	return &runTable{runs: make(map[string]*run), ends: make(map[End]uint64)}
}

// add adds an active run. It refuses an ID that exists, and more than limit active runs.
func (t *runTable) add(r *run, limit int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropOld(time.Now())
	if t.active >= limit {
		return refuse(busy, "the limit is %d active scenarios", limit)
	}
	if t.runs[r.report.ID] != nil {
		return refuse(badID, "a run with that ID exists already")
	}
	t.runs[r.report.ID] = r
	t.active++
	return nil
}

// finish records that r has ended. Its report is kept.
func (t *runTable) finish(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	t.ends[r.snapshot().End]++
	r.doneAt = time.Now()
	t.ended = append(t.ended, r)
	t.dropOld(r.doneAt)
	close(r.done)
}

func (t *runTable) find(id string) (*run, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropOld(time.Now())
	if r := t.runs[id]; r != nil {
		return r, nil
	}
	return nil, refuse(badID, "no run has that ID; a report is kept for %v", reportTimeout)
}

// count returns the number of active runs of a group.
func (t *runTable) count(group string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, r := range t.runs {
		if r.group == group && r.doneAt.IsZero() {
			n++
		}
	}
	return n
}

// dropOld drops reports that are too old, and the oldest if there are too many.
func (t *runTable) dropOld(now time.Time) {
	for len(t.ended) > maxReports || len(t.ended) > 0 && now.Sub(t.ended[0].doneAt) > reportTimeout {
		delete(t.runs, t.ended[0].report.ID)
		t.ended[0] = nil
		t.ended = t.ended[1:]
	}
}

func (t *runTable) countRefusal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused++
}

// Snapshot is the state of an agent at one moment.
type Snapshot struct {
	Active  int            // scenarios that are running
	Ended   map[End]uint64 // scenarios that have ended, by the end of their connection
	Refused uint64         // requests

	Displaced      uint64 // idle connections that were closed for a newer one
	DatagramErrors uint64 // errors of the UDP socket

	Accepts [accept.NumReasons]uint64 // connections not accepted and pauses of the listener, by accept.Reason

	Latest []Session // at most maxLatest, the newest first
}

// Session is a scenario that runs, or has ended not long ago.
type Session struct {
	Report  Report
	Client  string // its address
	Started time.Time
}

// Snapshot returns the current state. It may be called from any goroutine, also before
// Serve.
func (s *Server) Snapshot() Snapshot {
	s.init()
	snap := Snapshot{Displaced: s.idleConns.displacedCount(), DatagramErrors: s.keys.failed.Load()}
	for i := range snap.Accepts {
		snap.Accepts[i] = s.accepts[i].Load()
	}
	t := s.runs
	t.mu.Lock()
	defer t.mu.Unlock()
	snap.Active, snap.Ended, snap.Refused = t.active, maps.Clone(t.ends), t.refused
	newestFirst := func(a, b *run) int { return cmp.Or(b.start.Compare(a.start), cmp.Compare(a.report.ID, b.report.ID)) }
	all := slices.SortedFunc(maps.Values(t.runs), newestFirst)
	for _, r := range all[:min(len(all), maxLatest)] {
		snap.Latest = append(snap.Latest, Session{r.snapshot(), r.conn.RemoteAddr().String(), r.start})
	}
	return snap
}
