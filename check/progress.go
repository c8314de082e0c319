package check

import (
	"slices"
	"sync"
)

// Progress is how far a Run has come.
type Progress struct {
	Result  *Result  // what has just been found; nil if a rule has begun
	Past    int      // rules that have been answered
	Of      int      // rules that will be, these among them
	Running []string // IDs of the rules at work, in the order in which they began
}

// teller tells Options.Progress what goes on, one thing at a time.
type teller struct {
	tell func(Progress)

	mu  sync.Mutex
	now Progress
}

// begin tells that rule is at work.
func (t *teller) begin(rule string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Running = append(t.now.Running, rule)
	t.say(nil)
}

// pause takes note that rule is not at work, and tells nobody: its result, or
// the rule once more, is next.
func (t *teller) pause(rule string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.now.Running, rule); i >= 0 {
		t.now.Running = slices.Delete(t.now.Running, i, i+1)
	}
}

// found tells what a rule has come to.
func (t *teller) found(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Past++
	t.say(&r)
}

func (t *teller) say(r *Result) {
	now := t.now
	now.Result, now.Running = r, slices.Clone(t.now.Running)
	t.tell(now)
}
