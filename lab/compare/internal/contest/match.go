package contest

import (
	"context"
	"time"
)

// Match is one workload and those that meet in it. The first contender is the
// one that the others are held against.
type Match struct {
	Workload   Workload
	Contenders []Contender
	Rounds     int
	// Free lets servers and client run on both processors, for servers that
	// are meant to use more than one.
	Free bool
}

// Result is a match that was played: the samples as they were measured.
type Result struct {
	Workload Workload `json:"workload"`
	Free     bool     `json:"free,omitempty"`
	Entries  []Entry  `json:"contenders"` // the first is what the others are held against
}

// Entry is one contender's part of a match. One that fails is out of it; its
// rounds up to then are kept.
type Entry struct {
	Name    string `json:"name"`
	Failure string `json:"failure,omitempty"`
	Rounds  []Pair `json:"rounds,omitempty"`
	// Shares is how many connections each loop got, most first, each time that
	// a fresh server was asked for it. Only of matches that are free.
	Shares [][]int `json:"shares,omitempty"`
}

// Key is what the match is called on a command line.
func (m Match) Key() string {
	if m.Free {
		return "loops"
	}
	return m.Workload.Key()
}

// legs is how many samples the match takes if nobody fails.
func (m Match) legs() int { return 2 * m.Rounds * len(m.Contenders) }

// Expected is about how long the match takes.
func (m Match) Expected(b Bench) time.Duration {
	const start = 60 * time.Millisecond // of a server
	leg := start + b.Warmup + b.Measure + time.Duration(m.Workload.Conns)*40*time.Microsecond
	if m.Workload.Kind == Idle {
		leg = start + settle + time.Duration(m.Workload.Conns)*80*time.Microsecond
	}
	return time.Duration(m.legs()) * leg
}

// Play plays the match and tells after each round what stands. A contender
// that fails is no error, but the end of ctx is.
func (b Bench) Play(ctx context.Context, m Match, progress func(round int, sofar Result)) (Result, error) {
	result := Result{Workload: m.Workload, Free: m.Free}
	for _, c := range m.Contenders {
		result.Entries = append(result.Entries, Entry{Name: c.Name})
	}
	for i := range m.Rounds {
		b.round(ctx, i, m, result.Entries)
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		progress(i, result)
		if result.Entries[0].Failure != "" {
			break // a ratio to nothing
		}
	}
	if m.Free {
		b.share(ctx, m, result.Entries)
	}
	return result, ctx.Err()
}

// share looks three times at how each contender's loops share the workload's
// connections: who gets one may be a matter of luck.
func (b Bench) share(ctx context.Context, m Match, entries []Entry) {
	for i, c := range m.Contenders {
		for range 3 {
			shares, err := b.Shares(ctx, c, m.Workload.Conns)
			if err != nil {
				entries[i].Failure = err.Error()
				break
			}
			entries[i].Shares = append(entries[i].Shares, shares)
		}
	}
}

// round plays the i-th round into entries.
func (b Bench) round(ctx context.Context, i int, m Match, entries []Entry) {
	pairs, taken := make([]Pair, len(entries)), make([]int, len(entries))
	for _, seat := range order(i, len(entries)) {
		if entries[seat].Failure != "" || ctx.Err() != nil {
			continue
		}
		sample, err := b.sample(ctx, m.Contenders[seat], m.Workload, m.Free)
		if err != nil {
			entries[seat].Failure = err.Error()
			continue
		}
		pairs[seat][taken[seat]] = sample
		if taken[seat]++; taken[seat] == len(pairs[seat]) {
			entries[seat].Rounds = append(entries[seat].Rounds, pairs[seat])
		}
	}
}
