package agent

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Snapshot is how an agent is doing.
type Snapshot struct {
	Active  int            // scenarios being acted out now
	Ended   map[End]uint64 // scenarios that are over, by how their connection ended
	Refused uint64         // requests that were refused
	Latest  []Session      // at most maxLatest, the newest first
}

// Session is one scenario, acted out now or lately.
type Session struct {
	Report  Report
	Client  string // its address
	Started time.Time
}

// maxLatest is how many sessions a snapshot tells of.
const maxLatest = 20

// Snapshot tells how the agent is doing now. It may be called from any
// goroutine, also before Serve.
func (s *Server) Snapshot() Snapshot {
	b := s.records()
	b.mu.Lock()
	defer b.mu.Unlock()
	return Snapshot{Active: b.open, Ended: maps.Clone(b.ended), Refused: b.refused, Latest: b.latest()}
}

// latest are the runs that began last.
func (b *book) latest() []Session {
	newestFirst := func(a, b *run) int { return cmp.Or(b.start.Compare(a.start), cmp.Compare(a.report.ID, b.report.ID)) }
	all := slices.SortedFunc(maps.Values(b.runs), newestFirst)
	var latest []Session
	for _, r := range all[:min(len(all), maxLatest)] {
		latest = append(latest, Session{r.seen(), r.conn.RemoteAddr().String(), r.start})
	}
	return latest
}

// records is the server's book, opened when somebody first asks.
func (s *Server) records() *book {
	s.opened.Do(func() { s.book = newBook() })
	return s.book
}

// refuse counts a request that was refused.
func (b *book) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

// Ends are all the ways in which a scenario's connection is said to have ended.
func Ends() []End { return []End{FIN, Reset, Acted, Limit, Error} }
