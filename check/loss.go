package check

import (
	"fmt"
	"math"
)

// lossTally is how many datagrams were sent, and how many of them did not come back.
type lossTally struct{ sent, lost int }

func (t lossTally) add(u lossTally) lossTally { return lossTally{t.sent + u.sent, t.lost + u.lost} }

func (t lossTally) rate() float64 { return float64(t.lost) / float64(max(t.sent, 1)) }

func (t lossTally) String() string {
	return fmt.Sprintf("%.3g %% (%d of %d)", 100*t.rate(), t.lost, t.sent)
}

// These decide when longer datagrams count as lost more often than small ones.
//
// The hypothesis to reject is that the path loses each packet with one probability q,
// whatever its size: then a datagram in k packets comes back with probability
// (1−q)^k, so that long datagrams are lost more often on an honest path, too. q is
// unknown. Small datagrams say which q is likely. They are sent among the long ones, so
// that a burst of losses hits both alike.
//
// A check makes about 30 such tests, twice. In each, the results that are just
// significant are at most a dozen pairs of numbers, each with a probability of at most
// maxChance, whatever q is. So all tests together raise a false alarm in less than one of
// 1,000 checks. To be worth a failure, the loss must also be minExcess above what is
// expected.
const (
	maxChance = 1e-6
	minExcess = 0.1
)

// exceeds reports whether t, of datagrams in this many packets, has more loss than the
// loss of small datagrams explains.
func (t lossTally) exceeds(small lossTally, packets int) bool {
	return t.excess(small, packets) >= minExcess && chance(small, t, packets) < maxChance
}

// excess returns how much t is above the loss that is expected.
func (t lossTally) excess(small lossTally, packets int) float64 {
	return t.rate() - (1 - math.Pow(1-small.rate(), float64(packets)))
}

// chance returns, for the q that explains both tallies best, the probability that no
// more small datagrams are lost than were, and at least as many long ones as were.
func chance(small, long lossTally, packets int) float64 {
	const steps = 200
	most := 0.0
	for i := 1; i < steps; i++ {
		q := float64(i*i) / (steps * steps) // closer together where it is small
		inLong := 1 - math.Pow(1-q, float64(packets))
		// At least l of n are lost: at most n-l come back.
		most = max(most, atMost(small.lost, small.sent, q)*atMost(long.sent-long.lost, long.sent, 1-inLong))
	}
	return most
}

// atMost returns the probability of at most k successes in n trials, each of which
// succeeds with probability q < 1.
func atMost(k, n int, q float64) float64 {
	if k >= n || q <= 0 { // q is 0 if it was too small for a float64
		return 1
	}
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	exactly := math.Exp(lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(q) + float64(n-k)*math.Log1p(-q))
	sum := 0.0
	for ; k >= 0 && exactly > 0; k-- {
		sum += exactly
		exactly *= float64(k) / float64(n-k+1) * (1 - q) / q
	}
	return min(sum, 1)
}
