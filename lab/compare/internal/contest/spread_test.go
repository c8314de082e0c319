package contest

import "testing"

func TestSpreadIsTheFiveNumberSummary(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Spread
	}{
		{"one value is all five", []float64{3}, Spread{3, 3, 3, 3, 3}},
		{"between two, interpolated", []float64{2, 1}, Spread{1, 1.25, 1.5, 1.75, 2}},
		{"five in any order", []float64{5, 1, 4, 2, 3}, Spread{1, 2, 3, 4, 5}},
		{"an outlier moves only its end", []float64{1, 1, 1, 1, 100}, Spread{1, 1, 1, 1, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SpreadOf(tt.values); got != tt.want {
				t.Errorf("SpreadOf(%v): got %+v, want %+v", tt.values, got, tt.want)
			}
		})
	}
}

func TestSpreadLeavesItsValuesInOrder(t *testing.T) {
	values := []float64{3, 1, 2}
	SpreadOf(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("got %v, want [3 1 2]", values)
	}
}
