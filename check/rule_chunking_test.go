package check

import (
	"strings"
	"testing"
	"time"
)

func TestHeldTimeComparesSmallWithLargeMessages(t *testing.T) {
	ms := func(times ...int) []time.Duration {
		d := make([]time.Duration, len(times))
		for i, n := range times {
			d[i] = time.Duration(n) * time.Millisecond
		}
		return d
	}
	for _, tt := range []struct {
		name         string
		small, large []time.Duration
		want         int // milliseconds
		why          string
	}{
		{"loopback", ms(0, 0, 0, 1), ms(0, 0, 1, 1), 0, ""},
		{"a delayed ACK of 40 ms", ms(1, 41, 41, 42), ms(1, 1, 1, 2), 40, "Nagle"},
		{"a delayed ACK of 40 ms on a long path", ms(240, 240, 241, 242), ms(200, 201, 201, 205), 40, "Nagle"},
		{"a delayed ACK of 200 ms", ms(201, 201, 202, 202), ms(1, 1, 2, 2), 200, "Nagle"},
		{"another time", ms(121, 121, 122, 122), ms(1, 1, 2, 2), 120, "something on the path"},
		{"a slow link", ms(50, 50, 51, 52), ms(300, 301, 301, 305), 0, ""},
		{"a path whose times vary", ms(10, 20, 70, 90), ms(10, 20, 25, 80), 0, ""},
		{"a little", ms(21, 21, 21, 22), ms(1, 1, 1, 2), 0, ""},
	} {
		hold, why := heldTime(tt.small, tt.large)
		if got := int(hold / time.Millisecond); got != tt.want || !strings.Contains(why, tt.why) || why == "" != (tt.want == 0) {
			t.Errorf("%s: got %d ms%s, want %d ms: %s", tt.name, got, why, tt.want, tt.why)
		}
	}
}
