package agent

import (
	"sync"
	"time"
)

const (
	maxReports = 1024
	reportLife = 2 * time.Minute
)

// runTable holds the runs that are active, and the reports of those that are
// over. Old reports are dropped whenever it is used, so there is no timer; it
// never holds more than Limits.Runs and maxReports.
type runTable struct {
	mu     sync.Mutex
	active int
	runs   map[string]*run
	over   []*run // in the order in which they ended

	ended   map[End]uint64 // all of them, dropped or not
	refused uint64
}

func newRunTable() *runTable {
	return &runTable{runs: make(map[string]*run), ended: make(map[End]uint64)}
}

// add enters r, unless its ID is used already or most runs are active.
func (t *runTable) add(r *run, most int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(time.Now())
	if t.active >= most {
		return refuse(busy, "%d scenarios at once are its limit", most)
	}
	if t.runs[r.report.ID] != nil {
		return refuse(badID, "there is a run of that ID already")
	}
	t.runs[r.report.ID] = r
	t.active++
	return nil
}

// finish notes that r is over. Its report is kept.
func (t *runTable) finish(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	t.ended[r.snapshot().End]++
	r.over = time.Now()
	t.over = append(t.over, r)
	t.expire(r.over)
	close(r.done)
}

func (t *runTable) find(id string) (*run, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(time.Now())
	if r := t.runs[id]; r != nil {
		return r, nil
	}
	return nil, refuse(badID, "no run of that ID is known; a report is kept for %v", reportLife)
}

// count returns how many runs of the group are active.
func (t *runTable) count(group string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, r := range t.runs {
		if r.group == group && r.over.IsZero() {
			n++
		}
	}
	return n
}

// expire drops reports that are too old or too many.
func (t *runTable) expire(now time.Time) {
	for len(t.over) > maxReports || len(t.over) > 0 && now.Sub(t.over[0].over) > reportLife {
		delete(t.runs, t.over[0].report.ID)
		t.over[0] = nil
		t.over = t.over[1:]
	}
}

// countRefusal counts a request that was refused.
func (t *runTable) countRefusal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused++
}
