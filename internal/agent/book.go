package agent

import (
	"sync"
	"time"
)

const (
	maxReports = 1024
	reportLife = 2 * time.Minute
)

// book keeps the runs: those that go on, and for a while the others' reports.
// It forgets when it is asked for something, so there is no timer; it never
// holds more than Limits.Runs and maxReports.
type book struct {
	mu   sync.Mutex
	open int
	runs map[string]*run
	over []*run // in the order in which they ended

	ended   map[End]uint64 // all of them, forgotten or not
	refused uint64
}

func newBook() *book { return &book{runs: make(map[string]*run), ended: make(map[End]uint64)} }

// begin enters r, unless its ID is taken or there are too many.
func (b *book) begin(r *run, most int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(time.Now())
	if b.open >= most {
		return refuse(busy, "%d scenarios at once are its limit", most)
	}
	if b.runs[r.report.ID] != nil {
		return refuse(badID, "there is a run %s already", r.report.ID)
	}
	b.runs[r.report.ID] = r
	b.open++
	return nil
}

// end closes the books on r, whose report is kept.
func (b *book) end(r *run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	b.ended[r.seen().End]++
	r.over = time.Now()
	b.over = append(b.over, r)
	b.forget(r.over)
	close(r.done)
}

func (b *book) find(id string) (*run, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(time.Now())
	if r := b.runs[id]; r != nil {
		return r, nil
	}
	return nil, refuse(badID, "no run %s is known, or it was over %v ago", id, reportLife)
}

// count is how many runs of the group go on.
func (b *book) count(group string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.runs {
		if r.group == group && r.over.IsZero() {
			n++
		}
	}
	return n
}

// forget drops reports that are too old or too many.
func (b *book) forget(now time.Time) {
	for len(b.over) > maxReports || len(b.over) > 0 && now.Sub(b.over[0].over) > reportLife {
		delete(b.runs, b.over[0].report.ID)
		b.over[0] = nil
		b.over = b.over[1:]
	}
}
