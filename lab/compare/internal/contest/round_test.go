package contest

import (
	"slices"
	"testing"
)

func TestOrderIsABBAAndBAABForTwo(t *testing.T) {
	if got, want := order(0, 2), []int{1, 0, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("even round: got %v, want %v", got, want)
	}
	if got, want := order(1, 2), []int{0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("odd round: got %v, want %v", got, want)
	}
}

// Where everybody's two turns have the same middle, a steady drift adds the
// same to everybody's sum.
func TestSteadyDriftWeighsOnAllAlike(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9} {
		for i := range 2 {
			sums, turns := make([]int, n), make([]int, n)
			for at, seat := range order(i, n) {
				sums[seat] += at
				turns[seat]++
			}
			for seat := range n {
				if turns[seat] != 2 || sums[seat] != 2*n-1 {
					t.Errorf("round %d of %d: seat %d: got %d turns at %d in sum, want 2 at %d",
						i, n, seat, turns[seat], sums[seat], 2*n-1)
				}
			}
		}
	}
}
