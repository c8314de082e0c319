package duel

import (
	"math"
	"testing"
)

func TestRatiosAreRivalToBase(t *testing.T) {
	r := Round{
		Base:  [2]Sample{{Seconds: 1, Messages: 100, CPUSeconds: 2}, {Seconds: 1, Messages: 300, CPUSeconds: 2}},
		Rival: [2]Sample{{Seconds: 2, Messages: 200, CPUSeconds: 1}, {Seconds: 2, Messages: 200, CPUSeconds: 2}},
	}
	if got, want := r.Throughput(), 0.5; got != want {
		t.Errorf("throughput: got %v, want %v", got, want)
	}
	if got, want := r.CPU(), 0.75; got != want {
		t.Errorf("CPU: got %v, want %v", got, want)
	}
}

func TestSteadyDriftCancelsInEveryOrder(t *testing.T) {
	for i, order := range orders {
		var base, rival [2]Sample
		var bases, rivals int
		for leg, isRival := range order {
			s := Sample{Seconds: 1, Messages: 1000 - 10*float64(leg), CPUSeconds: 2}
			if isRival {
				rival[rivals] = s
				rivals++
			} else {
				base[bases] = s
				bases++
			}
		}
		if got := (Round{Base: base, Rival: rival}).Throughput(); math.Abs(got-1) > 1e-12 {
			t.Errorf("order %d: got %v, want 1", i, got)
		}
	}
}
