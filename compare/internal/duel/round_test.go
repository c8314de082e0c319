package duel

import (
	"math"
	"testing"
)

func TestEachMeasureIsRivalToBase(t *testing.T) {
	r := Round{
		Base: [2]Sample{
			{Seconds: 1, Messages: 100, CPUSeconds: 2, ClientSeconds: 1, ServerSeconds: 0.5},
			{Seconds: 1, Messages: 300, CPUSeconds: 2, ClientSeconds: 1, ServerSeconds: 1.5},
		},
		Rival: [2]Sample{
			{Seconds: 2, Messages: 200, CPUSeconds: 1, ClientSeconds: 1, ServerSeconds: 1},
			{Seconds: 2, Messages: 200, CPUSeconds: 2, ClientSeconds: 2, ServerSeconds: 2},
		},
	}
	want := map[string]float64{
		Throughput.Name: 0.5,
		MachineCPU.Name: 0.75,
		ProcessCPU.Name: 1.5,
		ServerCPU.Name:  1.5,
	}
	for _, m := range Measures() {
		if got := m.Ratio(r); got != want[m.Name] {
			t.Errorf("%s: got %v, want %v", m.Name, got, want[m.Name])
		}
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
		if got := Throughput.Ratio(Round{Base: base, Rival: rival}); math.Abs(got-1) > 1e-12 {
			t.Errorf("order %d: got %v, want 1", i, got)
		}
	}
}
