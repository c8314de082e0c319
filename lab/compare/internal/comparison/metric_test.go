package comparison

import (
	"slices"
	"testing"
)

func TestRatiosAreServerToBase(t *testing.T) {
	base := ServerResult{Rounds: []Pair{{
		{Seconds: 1, Messages: 100, ClientSeconds: 1, ServerSeconds: 0.5},
		{Seconds: 1, Messages: 300, ClientSeconds: 1, ServerSeconds: 1.5},
	}}}
	server := ServerResult{Rounds: []Pair{{
		{Seconds: 2, Messages: 200, ClientSeconds: 1, ServerSeconds: 1},
		{Seconds: 2, Messages: 200, ClientSeconds: 2, ServerSeconds: 2},
	}}}
	tests := []struct {
		m    Metric
		want float64
	}{{Throughput, 0.5}, {ProcessCPU, 1.5}}
	for _, tt := range tests {
		if got := tt.m.Ratios(server, base); !slices.Equal(got, []float64{tt.want}) {
			t.Errorf("%s: got %v, want %v", tt.m.Name, got, tt.want)
		}
	}
}

func TestOnlyCommonRoundsAreCompared(t *testing.T) {
	round := Pair{{Seconds: 1, Messages: 1}, {Seconds: 1, Messages: 1}}
	base := ServerResult{Rounds: []Pair{round, round, round}}
	server := ServerResult{Rounds: []Pair{round}, Failure: "the reason"}
	if got := Throughput.Ratios(server, base); len(got) != 1 {
		t.Errorf("got %d ratios, want 1", len(got))
	}
}

func TestSpreadIsTheFiveNumberSummary(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Spread
	}{
		{"one value", []float64{3}, Spread{3, 3, 3, 3, 3}},
		{"interpolated", []float64{2, 1}, Spread{1, 1.25, 1.5, 1.75, 2}},
		{"five in any order", []float64{5, 1, 4, 2, 3}, Spread{1, 2, 3, 4, 5}},
		{"an outlier", []float64{1, 1, 1, 1, 100}, Spread{1, 1, 1, 1, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SpreadOf(tt.values); got != tt.want {
				t.Errorf("SpreadOf(%v): got %+v, want %+v", tt.values, got, tt.want)
			}
		})
	}
}

func TestSpreadDoesNotSortItsArgument(t *testing.T) {
	values := []float64{3, 1, 2}
	SpreadOf(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("got %v, want [3 1 2]", values)
	}
}
