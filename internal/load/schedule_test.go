package load

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A schedule counts as many messages in a span of time as it hands out in it.
func TestScheduleCountsTheMessagesThatItHandsOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := math.Pow(10, rapid.Float64Range(0, 8).Draw(t, "log rate"))
		begin := rapid.Int64Range(0, 1e12).Draw(t, "begin")
		var s schedule
		s.start(begin, PerSecond(rate))
		now, last := begin, int64(math.MinInt64)
		for range rapid.IntRange(1, 50).Draw(t, "looks") {
			then := now + int64(rapid.Float64Range(0, 100).Draw(t, "messages")/rate*1e9)
			want, got := s.count(now, then), int64(0)
			for i, due, ok := s.pop(then - 1); ok; i, due, ok = s.pop(then - 1) {
				if due < now || due >= then || due <= last {
					t.Fatalf("message %d: due at %d, want from %d until %d, after %d", i, due, now, then, last)
				}
				got, last = got+1, due
			}
			if got != want {
				t.Fatalf("at %g/s from %d until %d: handed out %d, counted %d", rate, now-begin, then-begin, got, want)
			}
			now = then
		}
	})
}

func TestMessagesAfterAPauseAreDueAtTheirTimes(t *testing.T) {
	var s schedule
	s.start(1000, PerSecond(1e6))
	for i := range int64(10) { // all at once, each due when it should have been sent
		got, due, ok := s.pop(1000 + 9000)
		if !ok || got != i || due != 1000+i*1000 {
			t.Errorf("got message %d due at %d, %v; want %d due at %d", got, due, ok, i, 1000+i*1000)
		}
	}
	if _, _, ok := s.pop(1000 + 9999); ok {
		t.Error("got an eleventh before it is due")
	}
}

// The time between two messages is longer than a clock can count.
func TestMessageOfAVeryLowRateIsNeverDue(t *testing.T) {
	var s schedule
	s.start(1000, PerSecond(1e-12))
	if _, due, ok := s.pop(1000); !ok || due != 1000 {
		t.Errorf("the first: got due at %d, %t; want due at 1000", due, ok)
	}
	if _, due, ok := s.pop(1e18); ok {
		t.Errorf("the second: got due at %d, want never", due)
	}
}

// While the last answers are waited for, nothing more is sent.
func TestNoMessageIsDueAfterTheEnd(t *testing.T) {
	var s schedule
	s.start(1000, PerSecond(1e6))
	s.end.Store(3000)
	for i := range int64(2) {
		if got, _, ok := s.pop(9000); !ok || got != i {
			t.Errorf("got message %d, %t; want %d", got, ok, i)
		}
	}
	if got, due, ok := s.pop(9000); ok || s.due() != never {
		t.Errorf("got message %d, due at %d, next at %d; want none", got, due, s.due())
	}
}
