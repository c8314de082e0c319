package check

import (
	"math/rand/v2"
	"testing"
)

func TestChanceIsThatOfTheBinomialDistribution(t *testing.T) {
	for _, tt := range []struct {
		k, n int
		q    float64
		want float64
	}{
		{0, 10, 0.5, 1.0 / 1024},
		{1, 10, 0.5, 11.0 / 1024},
		{10, 10, 0.5, 1},
		{2, 3, 0.1, 0.999},
		{0, 700, 0.01, 0.00088},
	} {
		if got := atMost(tt.k, tt.n, tt.q); got < tt.want*0.99 || got > tt.want*1.01 {
			t.Errorf("at most %d of %d with %v: got %v, want %v", tt.k, tt.n, tt.q, got, tt.want)
		}
	}
}

func TestLossExceedsThatOfSmallDatagrams(t *testing.T) {
	for _, tt := range []struct {
		name        string
		small, long lossTally
		packets     int
		want        bool
	}{
		{"a hole", lossTally{280, 0}, lossTally{5, 5}, 2, true},
		{"a hole with the largest size", lossTally{672, 0}, lossTally{12, 12}, 54, true},
		{"a hole on a lossy path", lossTally{672, 67}, lossTally{12, 12}, 2, true},
		{"60 % more", lossTally{672, 0}, lossTally{12, 7}, 3, true},
		{"one lost", lossTally{280, 0}, lossTally{5, 1}, 1, false},
		{"too few to know", lossTally{20, 0}, lossTally{2, 2}, 2, false},
		{"many packets of which one was lost", lossTally{672, 67}, lossTally{12, 12}, 54, false},
		{"the same", lossTally{600, 200}, lossTally{12, 6}, 1, false},
		{"significant, but little", lossTally{100000, 0}, lossTally{1000, 50}, 1, false},
		{"everything is lost", lossTally{280, 280}, lossTally{5, 5}, 1, false},
	} {
		if got := tt.long.exceeds(tt.small, tt.packets); got != tt.want {
			t.Errorf("%s: got %v, want %v (chance %v)", tt.name, got, tt.want, chance(tt.small, tt.long, tt.packets))
		}
	}
}

// TestRandomLossIsNoFailure draws what a check sees on paths that lose packets at
// random, in the largest and in the smallest number of rounds.
func TestRandomLossIsNoFailure(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		for _, percent := range []float64{1, 5, 20} {
			for _, rounds := range []int{secondRounds, maxRounds} {
				lose := func(n, times int) (t lossTally) {
					for range times {
						t.sent++
						for range 2 * ((n + 8 + 1479) / 1480) { // packets of both directions
							if random.Float64()*100 < percent {
								t.lost++
								break
							}
						}
					}
					return t
				}
				small := lose(controlSize, rounds*controls*len(datagramSizes))
				for _, n := range datagramSizes {
					if long := lose(n, rounds); long.exceeds(small, packets(n)) {
						t.Errorf("seed %d, %v %%, %d rounds: a failure of %d B: %v, of small ones %v", seed, percent, rounds, n, long, small)
					}
				}
			}
		}
	}
}
