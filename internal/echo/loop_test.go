package echo

import "testing"

// The hashes a and b have the same entry in the table.
const a, b = uint64(5), uint64(5 + tableSize)

// countUntilMuted returns how many datagrams with one hash are answered, each sent pause
// after the one before; at most 2*LoopRepeats.
func countUntilMuted(table *loopTable, now *int64, pause int64, hash uint64) int {
	for n := range 2 * LoopRepeats {
		*now += pause
		if table.muted(*now, hash) {
			return n
		}
	}
	return 2 * LoopRepeats
}

func TestALoopHasNoGapOfLoopGapOrMore(t *testing.T) {
	tests := []struct {
		name  string
		pause int64
		want  int // answered
	}{
		{"all at once", 0, LoopRepeats - 1},
		{"a moment less than LoopGap", int64(LoopGap) - 1, LoopRepeats - 1},
		{"LoopGap", int64(LoopGap), 2 * LoopRepeats},
	}
	for _, tt := range tests {
		now := int64(0)
		if got := countUntilMuted(new(loopTable), &now, tt.pause, a); got != tt.want {
			t.Errorf("%s: got %d answered, want %d", tt.name, got, tt.want)
		}
	}
}

func TestALoopReplacesAnEntryThatIsNotALoop(t *testing.T) {
	tests := []struct {
		name   string
		before func(table *loopTable, now *int64)
		want   int // datagrams of the loop that are answered
	}{
		{"an empty entry", func(*loopTable, *int64) {}, LoopRepeats - 1},
		{"one datagram", func(table *loopTable, now *int64) { table.muted(*now, b) }, LoopRepeats - 1},
		{"two datagrams", func(table *loopTable, now *int64) { table.muted(*now, b); table.muted(*now, b) }, LoopRepeats},
		{"many datagrams, LoopGap ago", func(table *loopTable, now *int64) {
			for range LoopRepeats / 2 {
				table.muted(*now, b)
			}
			*now += int64(LoopGap)
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
			t.Errorf("%s: got %d answered, want %d", tt.name, got, tt.want)
		}
	}
}

func TestAMutedLoopKeepsItsEntry(t *testing.T) {
	table, now := new(loopTable), int64(0)
	countUntilMuted(table, &now, 1, b)
	now += int64(LoopMute) - 1
	countUntilMuted(table, &now, 0, a)
	if !table.muted(now, b) {
		t.Error("another datagram has ended the mute a moment early")
	}
}

// A clock that is slightly behind must not make the gap between two datagrams longer.
func TestLoopDetectionAcceptsAClockThatIsSlightlyBehind(t *testing.T) {
	table, now := new(loopTable), int64(LoopGap)
	for n := range LoopRepeats - 1 {
		clock := now
		if n%2 == 1 {
			clock = 1
			now += int64(LoopGap) - 1
		}
		if table.muted(clock, a) {
			t.Fatalf("muted after %d", n)
		}
	}
	if !table.muted(now, a) {
		t.Errorf("got no mute after %d", LoopRepeats)
	}
}
