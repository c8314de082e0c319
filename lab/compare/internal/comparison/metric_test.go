package comparison

import (
	"slices"
	"testing"
)

func TestRatiosAreServerToBase(t *testing.T) {
	base := ServerResult{Slices: []Slice{{0, Sample{Seconds: 1, Messages: 400, ClientSeconds: 2, ServerSeconds: 2}}}}
	server := ServerResult{Slices: []Slice{{0, Sample{Seconds: 2, Messages: 400, ClientSeconds: 5, ServerSeconds: 1}}}}
	tests := []struct {
		m    Metric
		want float64
	}{{Throughput, 0.5}, {CPU, 1.5}}
	for _, tt := range tests {
		if got := tt.m.Ratios(server, base); !slices.Equal(got, []float64{tt.want}) {
			t.Errorf("%s: got %v, want %v", tt.m.Name, got, tt.want)
		}
	}
}

func TestOnlySlicesOfTheSameRoundArePairs(t *testing.T) {
	at := func(rounds ...int) (e ServerResult) {
		for _, r := range rounds {
			e.Slices = append(e.Slices, Slice{r, Sample{Seconds: 1, Messages: float64(r + 1)}})
		}
		return e
	}
	tests := []struct {
		name         string
		server, base ServerResult
		want         int
	}{
		{"the same", at(0, 1, 2), at(0, 1, 2), 3},
		{"gaps in both", at(0, 2, 3, 7), at(1, 2, 7, 8), 2},
		{"the server left", at(0, 1), at(0, 1, 2, 3), 2},
		{"none in common", at(0, 2), at(1, 3), 0},
		{"the server failed at once", at(), at(0), 0},
	}
	for _, tt := range tests {
		got := Throughput.Ratios(tt.server, tt.base)
		if len(got) != tt.want || slices.ContainsFunc(got, func(ratio float64) bool { return ratio != 1 }) {
			t.Errorf("%s: got %v, want %d ratios of 1", tt.name, got, tt.want)
		}
	}
}
