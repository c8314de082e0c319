package duel

import "context"

// Round is four samples in mirrored order, ABBA and BAAB in turn, so that
// whatever drifts steadily (a clock that heats, a neighbour that comes) weighs
// on both sides alike.
type Round struct {
	Base  [2]Sample `json:"base"`
	Rival [2]Sample `json:"rival"`
}

// orders say whether the rival comes, leg by leg, in even and in odd rounds.
var orders = [2][4]bool{
	{false, true, true, false},
	{true, false, false, true},
}

// round plays the i-th round of rival against base.
func (b Bench) round(ctx context.Context, i int, base, rival Contender, w Workload) (Round, error) {
	var (
		r           Round
		bases, rivs int
	)
	for _, isRival := range orders[i%2] {
		c, slot := base, &r.Base[bases%2]
		if isRival {
			c, slot = rival, &r.Rival[rivs%2]
			rivs++
		} else {
			bases++
		}
		var err error
		if *slot, err = b.sample(ctx, c, w); err != nil {
			return Round{}, err
		}
	}
	return r, nil
}

// Duel plays n rounds and tells progress after each.
func (b Bench) Duel(ctx context.Context, base, rival Contender, w Workload, n int, progress func(i int, r Round)) (Result, error) {
	result := Result{Engine: rival.Name, Workload: w}
	for i := range n {
		r, err := b.round(ctx, i, base, rival, w)
		if err != nil {
			return Result{}, err
		}
		result.Rounds = append(result.Rounds, r)
		progress(i, r)
	}
	return result.summed(), nil
}
