package sequence

import (
	"sync"

	"echod/internal/trace"
)

// Follower follows the life of one connection while its steps come, and keeps the last of them.
// Its methods may be called from any goroutine.
type Follower struct {
	most int // steps that are kept

	mu     sync.Mutex
	reader *reader // nil before the first step
}

// NewFollower returns a Follower that keeps the last steps, this many.
func NewFollower(most int) *Follower { return &Follower{most: most} }

// Add adds a step of a server. It does not wait for longer than Life takes to copy the steps.
func (f *Follower) Add(rec trace.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reader == nil {
		f.reader = newReader(&rec, trace.Server)
	}
	f.reader.add(&rec)
	if l := f.reader.life; len(l.Steps) >= 2*f.most {
		l.trim(f.most)
	}
}

// Life returns the life with its last steps, and missing after them if it is not nil; nil before
// the first step. What it returns does not change.
func (f *Follower) Life(missing *trace.Record) *Life {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reader == nil {
		return nil
	}
	r := *f.reader
	l := *r.life
	l.Steps = append(make([]Step, 0, len(l.Steps)+1), l.Steps...)
	r.life = &l
	if missing != nil {
		r.add(missing)
	}
	l.trim(f.most)
	return &l
}

// trim omits all but the last steps, this many.
func (l *Life) trim(most int) {
	if more := len(l.Steps) - most; more > 0 {
		before := l.Steps[more-1]
		l.Before, l.Earlier = &before, l.Earlier+more
		l.Steps = append(l.Steps[:0], l.Steps[more:]...)
	}
}
