package main

import (
	"strings"
	"testing"
)

func TestBadOptionsAreNamed(t *testing.T) {
	tests := []struct{ args, want string }{
		{"extra", "unexpected argument"},
		{"-rounds 0", "-rounds 0"},
		{"-seconds 0", "-seconds 0"},
		{"-nice 20", "-nice 20"},
		{"-server-cpu 1", "must differ"},
	}
	for _, tt := range tests {
		_, err := parse(strings.Fields(tt.args))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.args, err, tt.want)
		}
	}
}

func TestDefaultIsTwoSmallWorkloadsForTwoMinutes(t *testing.T) {
	opts, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(opts.workloads()); got != 2 {
		t.Errorf("got %d workloads, want 2", got)
	}
	samples := 4 * opts.rounds * len(opts.workloads()) * len(opts.engines)
	if got := float64(samples) * (opts.bench.Warmup + opts.bench.Measure).Seconds(); got > 120 {
		t.Errorf("got %.0f s of measuring, want 120 at most", got)
	}
}
