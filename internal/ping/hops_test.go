package ping_test

import (
	"testing"

	"echod/internal/ping"
)

func TestHopsAreCountedFromTheNextUsualTTL(t *testing.T) {
	for ttl, want := range map[int]int{64: 0, 57: 7, 1: 63, 128: 0, 113: 15, 65: 63, 255: 0, 250: 5, 129: 126} {
		if got := ping.Hops(ttl); got != want {
			t.Errorf("ttl %d: got %d hops, want %d", ttl, got, want)
		}
	}
}

func TestTallyHasTheRangeOfTTLs(t *testing.T) {
	tally := ping.NewTally()
	for _, ttl := range []int{0, 57, 55, 56} {
		tally.Probe(ping.Probe{Fate: ping.Answered, TTL: ttl})
	}
	if got := tally.Summary(); got.LowestTTL != 55 || got.HighestTTL != 57 {
		t.Errorf("got %d to %d, want 55 to 57", got.LowestTTL, got.HighestTTL)
	}
}
