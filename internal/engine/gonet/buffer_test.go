package gonet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
)

func TestBufferFollowsWhatReadsBring(t *testing.T) {
	const full = -1
	tests := []struct {
		name   string
		buffer int
		memory int64
		reads  []int // bytes
		want   []int // KiB, of the buffer of each read and of one more
	}{
		{"silent", 256 << 10, 1 << 20, nil, []int{4}},
		{"short reads", 256 << 10, 1 << 20, []int{64, 64}, []int{4, 4, 4}},
		{"full reads", 256 << 10, 1 << 20, []int{full, full, 5000, full}, []int{4, 8, 16, 16, 32}},
		{"short ones after full ones", 256 << 10, 1 << 20, []int{full, full, 64, 64, 64}, []int{4, 8, 16, 8, 8, 4}},
		{"up to the limit", 10 << 10, 1 << 20, []int{full, full, full}, []int{4, 8, 10, 10}},
		{"a limit below the first", 2 << 10, 1 << 20, []int{full}, []int{2, 2}},
		{"as far as the budget goes", 256 << 10, 12 << 10, []int{full, full, full}, []int{4, 8, 8, 4}},
		{"no budget at all", 256 << 10, 1 << 10, []int{full}, []int{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			budget := engine.NewBudget(engine.Limits{MaxMemory: tt.memory})
			s := newServer(engine.Config{Buffer: tt.buffer, Budget: budget}.WithDefaults())
			c, _, _ := s.seat(&chatty{}, nil)
			var got []int
			for i := 0; c.take(); i++ {
				size := len(c.buf.Bytes)
				got = append(got, size>>10)
				if held := budget.Memory(); held != int64(size) || s.Stats().Held != uint64(held) {
					t.Errorf("got %d bytes held and %d counted, want the buffer's %d", held, s.Stats().Held, size)
				}
				if i == len(tt.reads) {
					break
				}
				n := tt.reads[i]
				if n == full {
					n = size
				}
				c.resize(n)
				c.received(n)
				c.sent(n)
				if i%2 == 0 {
					c.release() // nothing more has arrived
				}
			}
			c.release()
			if c.buf == nil && got == nil {
				got = []int{0}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("buffers in KiB (-want +got):\n%s", diff)
			}
			if held := budget.Memory(); held != 0 {
				t.Errorf("with nothing owed: got %d bytes held, want 0", held)
			}
		})
	}
}
