package contest

import (
	"slices"
	"testing"
)

func TestEachMeasureIsRivalToBase(t *testing.T) {
	base := Entry{Rounds: []Pair{{
		{Seconds: 1, Messages: 100, CPUSeconds: 2, ClientSeconds: 1, ServerSeconds: 0.5},
		{Seconds: 1, Messages: 300, CPUSeconds: 2, ClientSeconds: 1, ServerSeconds: 1.5},
	}}}
	rival := Entry{Rounds: []Pair{{
		{Seconds: 2, Messages: 200, CPUSeconds: 1, ClientSeconds: 1, ServerSeconds: 1},
		{Seconds: 2, Messages: 200, CPUSeconds: 2, ClientSeconds: 2, ServerSeconds: 2},
	}}}
	tests := []struct {
		m    Measure
		want float64
	}{{Throughput, 0.5}, {MachineCPU, 0.75}, {ProcessCPU, 1.5}}
	for _, tt := range tests {
		if got := tt.m.Ratios(rival, base); !slices.Equal(got, []float64{tt.want}) {
			t.Errorf("%s: got %v, want %v", tt.m.Name, got, tt.want)
		}
	}
}

func TestOnlyRoundsThatBothFinishedAreCompared(t *testing.T) {
	round := Pair{{Seconds: 1, Messages: 1}, {Seconds: 1, Messages: 1}}
	base := Entry{Rounds: []Pair{round, round, round}}
	rival := Entry{Rounds: []Pair{round}, Failure: "it fell over"}
	if got := Throughput.Ratios(rival, base); len(got) != 1 {
		t.Errorf("got %d ratios, want 1", len(got))
	}
}
