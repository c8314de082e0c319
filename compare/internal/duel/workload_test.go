package duel

import "testing"

func TestWorkloadIsNamedAsItIsSpoken(t *testing.T) {
	tests := []struct {
		w    Workload
		want string
	}{
		{Workload{50, 64, 1}, "50×64 B"},
		{Workload{1, 1500, 1}, "1×1500 B"},
		{Workload{10, 64 << 10, 4}, "10×64 KiB×4"},
		{Workload{10, 1 << 20, 1}, "10×1 MiB"},
	}
	for _, tt := range tests {
		if got := tt.w.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
