package selftest

import (
	"sync"

	"echod/check"
)

// tally adds up how far the columns are.
type tally struct {
	tell func(check.Progress)
	all  int // rules of all columns

	mu      sync.Mutex
	columns []check.Progress // the last that each told
}

func newTally(m *Matrix, o Options) *tally {
	t := &tally{tell: o.Progress, columns: make([]check.Progress, len(m.Columns))}
	for _, column := range m.Columns {
		t.all += asked(o.Rules, column.Network)
	}
	return t
}

// of is what the check of column i, which has this name, tells.
func (t *tally) of(i int, name string) func(check.Progress) {
	return func(p check.Progress) {
		for r := range p.Running {
			p.Running[r] = name + " " + p.Running[r]
		}
		if p.Result != nil {
			p.Result.Rule = name + " " + p.Result.Rule
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.columns[i] = p
		t.tell(t.sum(p.Result))
	}
}

func (t *tally) sum(found *check.Result) check.Progress {
	sum := check.Progress{Result: found, Total: t.all}
	for _, p := range t.columns {
		sum.Done += p.Done
		sum.Running = append(sum.Running, p.Running...)
	}
	return sum
}
