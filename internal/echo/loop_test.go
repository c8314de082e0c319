package echo

import "testing"

// The hashes a and b fall into one place of the table.
const a, b = uint64(5), uint64(5 + tableSize)

// countUntilMuted returns how many datagrams of one hash, each pause after the one
// before, are let through; at most 2*LoopRepeats.
func countUntilMuted(table *loopTable, now *int64, pause int64, hash uint64) int {
	for n := range 2 * LoopRepeats {
		*now += pause
		if table.muted(*now, hash) {
			return n
		}
	}
	return 2 * LoopRepeats
}

func TestLoopIsEachLessThanAPauseAfterTheOneBefore(t *testing.T) {
	tests := []struct {
		name  string
		pause int64
		want  int // let through
	}{
		{"all at once", 0, LoopRepeats - 1},
		{"a moment less than the pause", int64(LoopPause) - 1, LoopRepeats - 1},
		{"the pause", int64(LoopPause), 2 * LoopRepeats},
	}
	for _, tt := range tests {
		now := int64(0)
		if got := countUntilMuted(new(loopTable), &now, tt.pause, a); got != tt.want {
			t.Errorf("%s: got %d let through, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLoopTakesThePlaceOfWhatIsNotOne(t *testing.T) {
	tests := []struct {
		name   string
		before func(table *loopTable, now *int64)
		want   int // of the loop, let through
	}{
		{"an empty place", func(*loopTable, *int64) {}, LoopRepeats - 1},
		{"one datagram", func(table *loopTable, now *int64) { table.muted(*now, b) }, LoopRepeats - 1},
		{"two datagrams", func(table *loopTable, now *int64) { table.muted(*now, b); table.muted(*now, b) }, LoopRepeats},
		{"many datagrams, a pause ago", func(table *loopTable, now *int64) {
			for range LoopRepeats / 2 {
				table.muted(*now, b)
			}
			*now += int64(LoopPause)
		}, LoopRepeats - 1},
		{"a loop whose mute is over", func(table *loopTable, now *int64) {
			countUntilMuted(table, now, 1, b)
			*now += int64(LoopMute)
		}, LoopRepeats - 1},
	}
	for _, tt := range tests {
		table, now := new(loopTable), int64(0)
		tt.before(table, &now)
		if got := countUntilMuted(table, &now, 0, a); got != tt.want {
			t.Errorf("%s: got %d let through, want %d", tt.name, got, tt.want)
		}
	}
}

func TestMutedLoopKeepsItsPlace(t *testing.T) {
	table, now := new(loopTable), int64(0)
	countUntilMuted(table, &now, 1, b)
	now += int64(LoopMute) - 1
	countUntilMuted(table, &now, 0, a)
	if !table.muted(now, b) {
		t.Error("a moment before the mute ends, others have ended it")
	}
}

// A clock that is a little behind does not make the pause between two datagrams
// longer than it was.
func TestLoopForgivesAClockThatIsALittleBehind(t *testing.T) {
	table, now := new(loopTable), int64(LoopPause)
	for n := range LoopRepeats - 1 {
		clock := now
		if n%2 == 1 {
			clock = 1
			now += int64(LoopPause) - 1
		}
		if table.muted(clock, a) {
			t.Fatalf("muted after %d", n)
		}
	}
	if !table.muted(now, a) {
		t.Errorf("got no mute after %d", LoopRepeats)
	}
}
