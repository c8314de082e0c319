package contest

import "slices"

// order is the seats of n contenders in the i-th round. Each plays twice, in
// mirrored order about the middle, so that whatever drifts steadily (a clock
// that heats, a neighbour that comes) weighs on all of them alike. The first
// two seats are in the middle, ABBA and BAAB in turn: they are compared most
// closely, and the others with them.
func order(i, n int) []int {
	seats := make([]int, n)
	for s := range seats {
		seats[s] = s
		if other := s ^ 1; i%2 == 1 && other < n {
			seats[s] = other
		}
	}
	mirrored := slices.Clone(seats)
	slices.Reverse(mirrored)
	return append(mirrored, seats...)
}

// Pair is the two samples of one contender in one round.
type Pair [2]Sample
