package oplog

import (
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Limit is the rate limit of one kind of line: Burst lines at once, and then one in each
// period of Every. Both are more than 0.
type Limit struct {
	Burst int
	Every time.Duration
}

// kind identifies the lines that share a limit. Peers must not control any of it, because
// they could create any number of kinds.
type kind struct {
	level   slog.Level
	message string
	subject string // the listener or the target of the line, or ""
}

// maxKeyText bounds the memory of a kind. Bytes after it do not make another kind.
const maxKeyText = 256

func newKind(level slog.Level, message, subject string) kind {
	return kind{level, message[:min(len(message), maxKeyText)], subject[:min(len(subject), maxKeyText)]}
}

// bucket is a token bucket (the generic cell rate algorithm, ITU-T I.371), whose state
// is one time.
type bucket struct {
	full       time.Time // when the bucket has all its tokens again
	suppressed uint64    // lines since the last line that was written, or since a summary
	last       time.Time // when the last line was suppressed
}

// take removes a token. It returns false if there is none.
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

// summary is the number of suppressed lines of a kind.
type summary struct {
	kind       kind
	suppressed uint64
	last       time.Time
}

// limiter decides which lines are written. It does no I/O and reads no clock. It is not
// safe for concurrent use.
type limiter struct {
	limit, debug Limit
	maxKinds     int
	kinds        map[kind]*bucket
	shared       map[kind]*bucket // for the kinds that do not fit into kinds: one for debug, one for all other levels
	swept        time.Time        // when unused kinds were last removed
	total        uint64           // suppressed lines
	pending      uint64           // suppressed lines that are not reported yet
	now          time.Time        // the latest time; it never goes back
}

func newLimiter(limit, debug Limit, maxKinds int) *limiter {
	return &limiter{limit: limit, debug: debug, maxKinds: maxKinds, kinds: map[kind]*bucket{}, shared: map[kind]*bucket{}}
}

// allow reports whether a line of this kind may be written now, and how many lines of the
// kind were suppressed since the last one.
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

// restore adds a count again that allow returned for a line that was then dropped.
func (l *limiter) restore(k kind, suppressed uint64) {
	if suppressed == 0 {
		return
	}
	b := l.bucket(k, l.now)
	b.suppressed += suppressed
	b.last = l.now
	l.pending += suppressed
}

// summaries returns and resets the counts of the kinds of which no line was suppressed
// for the duration quiet. The longest quiet kind is first.
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

// bucket returns the bucket of a kind. If the table is full, it is a shared one.
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

// sweepInterval bounds the CPU time that a flood of new kinds uses.
const sweepInterval = time.Second

// sweep removes the buckets that are full and have no suppressed lines.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepInterval {
		return
	}
	l.swept = now
	for k, b := range l.kinds {
		if b.suppressed == 0 && !b.full.After(now) {
			delete(l.kinds, k)
		}
	}
}
