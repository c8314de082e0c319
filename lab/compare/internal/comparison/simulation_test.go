package comparison

import (
	"context"
	"math/rand/v2"
	"testing"
)

// simulate runs a case whose slices are drawn: echod epoll has this throughput relative to C, a
// slice has a standard deviation of 2.5 %, and the machine becomes slower and faster all the
// time, for all servers. Every tenth slice is disturbed.
func simulate(seed uint64, throughput float64) (Result, int) {
	m := Case{Workload: Workload{Stream, 50, 64, 1}, Servers: []Server{{Name: C}, {Name: C + again}, {Name: epoll}}}
	result := Result{Workload: m.Workload}
	for _, s := range m.Servers {
		result.Servers = append(result.Servers, ServerResult{Name: s.Name})
	}
	b := NewRunner()
	b.Seed = seed
	c := b.newCell(m, &result)
	random := rand.New(rand.NewPCG(seed, 1))
	speed := 1.0
	c.run = func(_ context.Context, server int) (Sample, *Disturbance, error) {
		speed *= 1 + 0.005*random.NormFloat64()
		if random.IntN(10) == 0 {
			return Sample{}, &Disturbance{Stolen, 0.01}, nil
		}
		rate := speed * (1 + 0.025*random.NormFloat64())
		if server == 2 {
			rate *= throughput
		}
		return Sample{Seconds: 1, Messages: 1000 * rate, ClientSeconds: 1}, nil, nil
	}
	rounds := 0
	c.rounds(context.Background(), func(int, Result) { rounds++ })
	c.compare(c.pairs)
	return result, rounds
}

// TestInstrumentSeesDifferences is about all of it: rounds that end when an interval is narrow
// enough must not make wrong verdicts likely, and a difference of 4 % must be seen.
func TestInstrumentSeesDifferences(t *testing.T) {
	t.Parallel()
	const runs = 40
	for _, tt := range []struct {
		throughput             float64
		met, missed, undecided [2]int // the least and the most of all runs
	}{
		{0.97, [2]int{0, 3}, [2]int{0, 3}, [2]int{36, 40}}, // the goal itself
		{0.93, [2]int{0, 0}, [2]int{36, 40}, [2]int{0, 4}},
		{1.01, [2]int{36, 40}, [2]int{0, 0}, [2]int{0, 4}},
	} {
		verdicts, cannot, most := map[Verdict]int{}, 0, 0
		for seed := range uint64(runs) {
			result, rounds := simulate(seed, tt.throughput)
			most = max(most, rounds)
			if result.CannotTell() != "" {
				cannot++
			}
			verdicts[result.Checks()[0].Verdict]++
		}
		for _, v := range []struct {
			verdict Verdict
			limits  [2]int
		}{{Met, tt.met}, {Missed, tt.missed}, {NotApart, tt.undecided}} {
			if n := verdicts[v.verdict]; n < v.limits[0] || n > v.limits[1] {
				t.Errorf("throughput %v: %d of %d are %q, want %d to %d", tt.throughput, n, runs, v.verdict, v.limits[0], v.limits[1])
			}
		}
		t.Logf("throughput %v: %v, no verdict %d, at most %d rounds", tt.throughput, verdicts, cannot, most)
		if cannot > runs/10 {
			t.Errorf("throughput %v: C was not at 1 of itself in %d of %d runs, want about 5 %%", tt.throughput, cannot, runs)
		}
		if most > maxPairs/2 {
			t.Errorf("throughput %v: a run had %d rounds, want at most %d with this noise", tt.throughput, most, maxPairs/2)
		}
	}
}
