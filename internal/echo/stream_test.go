package echo

import "testing"

func TestNextFollowsFromWhatHappened(t *testing.T) {
	tests := []struct {
		name          string
		do            func(*Stream)
		want          Op
		owed, in, out int
	}{
		{"fresh", func(s *Stream) {}, Read, 0, 0, 0},
		{"bytes received", func(s *Stream) { s.Received(3) }, Write, 3, 3, 0},
		{"a part sent", func(s *Stream) { s.Received(3); s.Sent(2) }, Write, 1, 3, 2},
		{"all sent", func(s *Stream) { s.Received(3); s.Sent(2); s.Sent(1) }, Read, 0, 3, 3},
		{"more received afterwards", func(s *Stream) { s.Received(3); s.Sent(3); s.Received(5) }, Write, 5, 8, 3},
		{"half-close without a byte", func(s *Stream) { s.EOF() }, Finish, 0, 0, 0},
		{"half-close while bytes are owed", func(s *Stream) { s.Received(3); s.EOF() }, Write, 3, 3, 0},
		{"half-close, and all sent", func(s *Stream) { s.Received(3); s.EOF(); s.Sent(3) }, Finish, 0, 3, 3},
		{"nothing received", func(s *Stream) { s.Received(0) }, Read, 0, 0, 0},
		{"the kernel took nothing", func(s *Stream) { s.Received(1); s.Sent(0) }, Write, 1, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Stream
			tt.do(&s)
			if got := s.Next(); got != tt.want {
				t.Errorf("next: got %v, want %v", got, tt.want)
			}
			if s.Owed() != tt.owed || s.In() != uint64(tt.in) || s.Out() != uint64(tt.out) {
				t.Errorf("got %d owed, %d in, %d out; want %d, %d, %d", s.Owed(), s.In(), s.Out(), tt.owed, tt.in, tt.out)
			}
		})
	}
}

// The panic comes before the engine sends a byte that it must not send.
func TestStreamPanicsWhenAnEngineBreaksTheContract(t *testing.T) {
	tests := []struct {
		name string
		do   func(*Stream)
		want string
	}{
		{"receives while bytes are owed", func(s *Stream) { s.Received(1); s.Received(1) }, "echo: received while the stream asked for write"},
		{"receives after the end", func(s *Stream) { s.EOF(); s.Received(1) }, "echo: received while the stream asked for finish"},
		{"sends what was not received", func(s *Stream) { s.Sent(1) }, "echo: sent more than was received"},
		{"sends one byte too many", func(s *Stream) { s.Received(2); s.Sent(1); s.Sent(2) }, "echo: sent more than was received"},
		{"sends a negative number of bytes", func(s *Stream) { s.Received(2); s.Sent(-1) }, "echo: sent more than was received"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("got panic %v, want %q", got, tt.want)
				}
			}()
			tt.do(new(Stream))
		})
	}
}

func TestDropsHaveNames(t *testing.T) {
	names := make(map[string]Drop)
	for d := range NumDrops {
		if other, taken := names[d.String()]; taken || d.String() == "" {
			t.Errorf("drop %d is called %q, as is drop %d", d, d, other)
		}
		names[d.String()] = d
	}
}
