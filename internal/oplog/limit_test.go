package oplog

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestEachKindOfLineHasItsLimit(t *testing.T) {
	type step struct {
		at         time.Duration
		kind       kind
		ok         bool
		suppressed uint64
	}
	a, b := kind{message: "a"}, kind{message: "b"}
	a7, a8 := kind{message: "a", subject: "tcp://:7"}, kind{message: "a", subject: "tcp://:8"}
	warn, debug := kind{level: slog.LevelWarn, message: "a"}, kind{level: slog.LevelDebug, message: "a"}
	tests := []struct {
		name  string
		steps []step
	}{
		{"a burst, then one in each period", []step{
			{0, a, true, 0}, {0, a, true, 0}, {0, a, false, 0}, {0, a, false, 0},
			{time.Second - 1, a, false, 0}, {time.Second, a, true, 3}, {time.Second, a, false, 0}, {2 * time.Second, a, true, 1},
		}},
		{"a burst again after a minute", []step{
			{0, a, true, 0}, {0, a, true, 0}, {0, a, false, 0},
			{time.Minute, a, true, 1}, {time.Minute, a, true, 0}, {time.Minute, a, false, 0},
		}},
		{"another message", []step{{0, a, true, 0}, {0, a, true, 0}, {0, a, false, 0}, {0, b, true, 0}}},
		{"another subject", []step{{0, a7, true, 0}, {0, a7, true, 0}, {0, a7, false, 0}, {0, a8, true, 0}, {0, a, true, 0}}},
		{"another level", []step{{0, a, true, 0}, {0, a, true, 0}, {0, a, false, 0}, {0, warn, true, 0}}},
		{"debug has a limit of its own", []step{
			{0, debug, true, 0}, {0, debug, true, 0}, {0, debug, true, 0}, {0, debug, false, 0}, {time.Millisecond, debug, true, 1},
		}},
		{"a clock that goes back", []step{
			{time.Minute, a, true, 0}, {0, a, true, 0}, {0, a, false, 0}, {time.Minute + time.Second, a, true, 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLimiter(Limit{2, time.Second}, Limit{3, time.Millisecond}, 10)
			start := time.Unix(1e9, 0)
			for i, s := range tt.steps {
				suppressed, ok := l.allow(s.kind, start.Add(s.at))
				if ok != s.ok || suppressed != s.suppressed {
					t.Fatalf("step %d: got %v, %d suppressed; want %v, %d", i, ok, suppressed, s.ok, s.suppressed)
				}
			}
		})
	}
}

func TestKindsBeyondTheTableShareOneLimit(t *testing.T) {
	l := newLimiter(Limit{2, time.Second}, Limit{2, time.Second}, 3)
	now := time.Unix(1e9, 0)
	passed := 0
	for i := range 100 {
		for range 3 {
			if _, ok := l.allow(kind{message: fmt.Sprint(i)}, now); ok {
				passed++
			}
		}
	}
	if want := 3*2 + 2; passed != want {
		t.Errorf("got %d lines, want %d", passed, want)
	}
	if len(l.kinds) != 3 || len(l.shared) != 1 {
		t.Errorf("got %d kinds and %d shared buckets, want 3 and 1", len(l.kinds), len(l.shared))
	}
	var sum uint64
	for _, s := range l.summaries(now, 0) {
		sum += s.suppressed
	}
	if sum != l.total || sum != 300-8 {
		t.Errorf("got %d in summaries and %d in total, want 292", sum, l.total)
	}
	// Kinds whose buckets are full again are removed.
	now = now.Add(time.Minute)
	for i := range 3 {
		if _, ok := l.allow(kind{message: fmt.Sprint("new", i)}, now); !ok {
			t.Error("a new kind is suppressed, want the old ones removed")
		}
	}
	if l.kinds[kind{message: "new2"}] == nil {
		t.Error("a new kind has a shared bucket, want its own")
	}
}

// TestDebugLinesDoNotShareABucketWithOtherLevels uses a table without space.
func TestDebugLinesDoNotShareABucketWithOtherLevels(t *testing.T) {
	tests := []struct {
		first, second slog.Level
		want          int // lines of the second level
	}{
		{slog.LevelDebug, slog.LevelInfo, 2},
		{slog.LevelInfo, slog.LevelDebug, 3},
		{slog.LevelInfo, slog.LevelWarn, 0},
		{slog.LevelError, slog.LevelInfo, 0},
		{slog.LevelDebug, slog.LevelDebug - 1, 0},
	}
	for _, tt := range tests {
		l := newLimiter(Limit{2, time.Second}, Limit{3, time.Second}, 0)
		now := time.Unix(1e9, 0)
		passed := func(level slog.Level) (n int) {
			for range 9 {
				if _, ok := l.allow(kind{level: level, message: "a"}, now); ok {
					n++
				}
			}
			return n
		}
		passed(tt.first)
		if got := passed(tt.second); got != tt.want {
			t.Errorf("%v after %v: got %d lines, want %d", tt.second, tt.first, got, tt.want)
		}
	}
}

func TestSummaryOfASharedBucketHasTheLevelOfItsLines(t *testing.T) {
	for level, want := range map[slog.Level]slog.Level{
		slog.LevelDebug: slog.LevelDebug, slog.LevelInfo: slog.LevelInfo, slog.LevelError: slog.LevelInfo,
	} {
		l := newLimiter(Limit{1, time.Second}, Limit{1, time.Second}, 0)
		now := time.Unix(1e9, 0)
		for range 2 {
			l.allow(kind{level: level, message: "a"}, now)
		}
		if got := l.summaries(now, 0); len(got) != 1 || got[0].kind.level != want {
			t.Errorf("%v: got %v, want one with level %v", level, got, want)
		}
	}
}

func TestTableIsSweptAtIntervals(t *testing.T) {
	l := newLimiter(Limit{1, time.Millisecond}, Limit{1, time.Millisecond}, 1)
	start := time.Unix(1e9, 0)
	own := func(message string, at time.Duration) bool {
		l.allow(kind{message: message}, start.Add(at))
		return l.kinds[kind{message: message}] != nil
	}
	steps := []struct {
		message string
		at      time.Duration
		own     bool // the kind has its own bucket
	}{
		{"a", 0, true}, {"b", 0, false}, {"b", sweepInterval - 1, false}, {"b", sweepInterval, true},
	}
	for i, s := range steps {
		if got := own(s.message, s.at); got != s.own {
			t.Errorf("step %d: own bucket: got %t, want %t", i, got, s.own)
		}
	}
}

func TestSummaryIsReturnedOnceAndAfterAQuietTime(t *testing.T) {
	l := newLimiter(Limit{1, time.Second}, Limit{1, time.Second}, 10)
	now, k := time.Unix(1e9, 0), kind{message: "a", subject: "tcp://:7"}
	for range 4 {
		l.allow(k, now)
	}
	if got := l.summaries(now.Add(quiet-1), quiet); len(got) != 0 {
		t.Errorf("too early: got %v, want none", got)
	}
	got := l.summaries(now.Add(quiet), quiet)
	if len(got) != 1 || got[0].kind != k || got[0].suppressed != 3 {
		t.Errorf("got %v, want one of 3", got)
	}
	if got := l.summaries(now.Add(time.Hour), 0); len(got) != 0 || l.pending != 0 {
		t.Errorf("second call: got %v and %d pending, want none", got, l.pending)
	}
}

// FuzzLimiterLosesNoCount checks, for any order of lines, that each line is written or
// suppressed, and that each suppressed line is reported once.
func FuzzLimiterLosesNoCount(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 2, 5, 3, 200, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		limit := Limit{2, time.Second}
		l := newLimiter(limit, limit, 4)
		start := time.Unix(1e9, 0)
		now := start
		var written, reported, lines uint64
		for len(script) >= 2 {
			now = now.Add(time.Duration(int8(script[0])) * 50 * time.Millisecond)
			switch op := script[1]; {
			case op < 200:
				k := kind{level: slog.Level(4 * int(op%3)), message: string(rune('a' + op%16))}
				lines++
				n, ok := l.allow(k, now)
				if ok {
					written++
					reported += n
				} else if n != 0 {
					t.Fatal("got a count with a suppressed line")
				}
				if ok && op >= 190 {
					l.restore(k, n)
					reported -= n
				}
			default:
				for _, s := range l.summaries(now, time.Duration(op-200)*100*time.Millisecond) {
					reported += s.suppressed
				}
			}
			if written+l.total != lines || reported+l.pending != l.total {
				t.Fatalf("%d lines = %d written + %d suppressed; %d suppressed = %d reported + %d pending", lines, written, l.total, l.total, reported, l.pending)
			}
			if len(l.kinds) > 4 || len(l.shared) > 2 {
				t.Fatalf("got %d kinds and %d shared buckets", len(l.kinds), len(l.shared))
			}
			script = script[2:]
		}
		for _, s := range l.summaries(now, 0) {
			reported += s.suppressed
		}
		if reported != l.total {
			t.Fatalf("got %d reported, want %d", reported, l.total)
		}
	})
}
