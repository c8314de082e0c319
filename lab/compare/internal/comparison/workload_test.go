package comparison

import "testing"

func TestNamesOfWorkloads(t *testing.T) {
	tests := []struct {
		w         Workload
		text, key string
	}{
		{Workload{Stream, 50, 64, 1}, "50×64 B", "50x64x1"},
		{Workload{Stream, 1, 1500, 1}, "1×1500 B", "1x1500x1"},
		{Workload{Stream, 10, 64 << 10, 4}, "10×64 KiB×4", "10x65536x4"},
		{Workload{Stream, 10, 1 << 20, 1}, "10×1 MiB", "10x1048576x1"},
		{Workload{Churn, 50, 64, 1}, "churn 50×64 B", "churn"},
		{Workload{Datagrams, 16, 64, 32}, "UDP 16×64 B×32", "udp-16x64x32"},
		{Workload{Trains, 16, 1200, 32}, "UDP GSO 16×1200 B×32", "udp-gso-16x1200x32"},
		{Workload{Idle, 15000, 64, 1}, "idle 15000×64 B", "idle"},
	}
	for _, tt := range tests {
		if got := tt.w.String(); got != tt.text {
			t.Errorf("String: got %q, want %q", got, tt.text)
		}
		if got := tt.w.Key(); got != tt.key {
			t.Errorf("Key: got %q, want %q", got, tt.key)
		}
	}
}
