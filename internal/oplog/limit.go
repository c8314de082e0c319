package oplog

import (
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Limit is how often lines of one kind are written: Burst of them at once, and
// then one in each period of Every. Both are more than 0.
type Limit struct {
	Burst int
	Every time.Duration
}

// kind is what the lines of one limit have in common. None of it may come from a
// peer, who could make as many kinds as it likes.
type kind struct {
	level   slog.Level
	message string
	subject string // the listener or the target that the line is about, or ""
}

// maxKeyText bounds the memory of a kind: what differs only later is the same kind.
const maxKeyText = 256

func newKind(level slog.Level, message, subject string) kind {
	return kind{level, message[:min(len(message), maxKeyText)], subject[:min(len(subject), maxKeyText)]}
}

// bucket is a token bucket (the generic cell rate algorithm, ITU-T I.371): its
// state is one moment.
type bucket struct {
	full       time.Time // when it has all its tokens again
	suppressed uint64    // lines not written since the last that was, or since a summary
	last       time.Time // when the last of those came
}

// take reports whether there is a token, and takes it.
func (b *bucket) take(limit Limit, now time.Time) bool {
	base := b.full
	if base.Before(now) {
		base = now
	}
	if base.Sub(now) > time.Duration(limit.Burst-1)*limit.Every {
		return false
	}
	b.full = base.Add(limit.Every)
	return true
}

// summary is how many lines of a kind were suppressed.
type summary struct {
	kind       kind
	suppressed uint64
	last       time.Time
}

// limiter decides which lines are written. It does no I/O, reads no clock and is
// not safe for concurrent use.
type limiter struct {
	limit, debug Limit
	maxKinds     int
	kinds        map[kind]*bucket
	shared       map[kind]*bucket // of the kinds that found no place: one for debug, one for all others
	swept        time.Time        // when kinds were last removed
	total        uint64           // lines ever suppressed
	pending      uint64           // lines suppressed and not yet reported
	now          time.Time        // the latest; time does not go back here
}

func newLimiter(limit, debug Limit, maxKinds int) *limiter {
	return &limiter{limit: limit, debug: debug, maxKinds: maxKinds, kinds: map[kind]*bucket{}, shared: map[kind]*bucket{}}
}

// allow reports whether a line of that kind is to be written now, and how many of
// its kind were suppressed since the last that was.
func (l *limiter) allow(k kind, now time.Time) (suppressed uint64, ok bool) {
	now = l.advance(now)
	b := l.bucket(k, now)
	if !b.take(l.limitOf(k.level), now) {
		b.suppressed++
		b.last = now
		l.total++
		l.pending++
		return 0, false
	}
	suppressed, b.suppressed = b.suppressed, 0
	l.pending -= suppressed
	return suppressed, true
}

// restore takes back a count that allow returned with a line that was then lost.
func (l *limiter) restore(k kind, suppressed uint64) {
	if suppressed == 0 {
		return
	}
	b := l.bucket(k, l.now)
	b.suppressed += suppressed
	b.last = l.now
	l.pending += suppressed
}

// summaries returns the counts of the kinds that have been quiet for that long,
// the one that was quiet longest first. It returns none of them again.
func (l *limiter) summaries(now time.Time, quiet time.Duration) []summary {
	now = l.advance(now)
	var all []summary
	for _, table := range []map[kind]*bucket{l.kinds, l.shared} {
		for k, b := range table {
			if b.suppressed > 0 && now.Sub(b.last) >= quiet {
				all = append(all, summary{k, b.suppressed, b.last})
				l.pending -= b.suppressed
				b.suppressed = 0
			}
		}
	}
	slices.SortFunc(all, func(a, b summary) int { return a.last.Compare(b.last) })
	return all
}

func (l *limiter) advance(now time.Time) time.Time {
	if now.After(l.now) {
		l.now = now
	}
	return l.now
}

func (l *limiter) limitOf(level slog.Level) Limit {
	if level < slog.LevelInfo {
		return l.debug
	}
	return l.limit
}

// bucket returns the bucket of a kind, which it shares if the table is full.
func (l *limiter) bucket(k kind, now time.Time) *bucket {
	if b := l.kinds[k]; b != nil {
		return b
	}
	if len(l.kinds) >= l.maxKinds {
		l.sweep(now)
	}
	table := l.kinds
	if len(l.kinds) >= l.maxKinds {
		table = l.shared
		k = kind{level: sharedLevel(k.level), message: "other lines"}
	}
	b := table[k]
	if b == nil {
		b = &bucket{}
		k.message, k.subject = strings.Clone(k.message), strings.Clone(k.subject)
		table[k] = b
	}
	return b
}

func sharedLevel(level slog.Level) slog.Level {
	if level < slog.LevelInfo {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// sweepEvery bounds what a flood of new kinds costs.
const sweepEvery = time.Second

// sweep removes the buckets that are as good as new.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = now
	for k, b := range l.kinds {
		if b.suppressed == 0 && !b.full.After(now) {
			delete(l.kinds, k)
		}
	}
}
