package gonet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
)

func TestBufferGrowsWhileReadsFillIt(t *testing.T) {
	const full, short = true, false
	tests := []struct {
		name   string
		buffer int
		memory int64
		reads  []bool
		want   []int // KiB, before the first read and after each
	}{
		{"silent", 256 << 10, 1 << 20, nil, []int{4}},
		{"short reads", 256 << 10, 1 << 20, []bool{short, short}, []int{4, 4, 4}},
		{"full reads", 256 << 10, 1 << 20, []bool{full, full, short, full}, []int{4, 8, 16, 16, 32}},
		{"up to the limit", 10 << 10, 1 << 20, []bool{full, full, full}, []int{4, 8, 10, 10}},
		{"a limit below the first", 2 << 10, 1 << 20, []bool{full}, []int{2, 2}},
		{"as far as the budget goes", 256 << 10, 12 << 10, []bool{full, full, full}, []int{4, 8, 8, 8}},
		{"no budget at all", 256 << 10, 1 << 10, []bool{full}, []int{0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			budget := engine.NewBudget(engine.Limits{MaxMemory: tt.memory})
			s := newServer(engine.Config{Buffer: tt.buffer, Budget: budget}.WithDefaults())
			c := &conn{server: s}
			c.fit()
			got := []int{len(c.buf) >> 10}
			for _, filled := range tt.reads {
				c.full = filled
				c.fit()
				got = append(got, len(c.buf)>>10)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("buffer in KiB (-want +got):\n%s", diff)
			}
			if held := budget.Memory(); held != int64(len(c.buf)) || s.Stats().Held != uint64(held) {
				t.Errorf("got %d bytes taken and %d booked, want the buffer's %d", held, s.Stats().Held, len(c.buf))
			}
		})
	}
}
