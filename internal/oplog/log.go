package oplog

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Log is made of.
type Config struct {
	// Out is where lines are written, each by one call of Write. It may block
	// and fail as it likes.
	Out io.Writer
	// Level is the least that is written.
	Level slog.Level
	// JSON chooses JSON instead of text.
	JSON bool
	// Timeless omits the time of text lines, for a reader that has a clock.
	Timeless bool
	// Limit is the limit of each kind of line; the zero value means DefaultLimit.
	Limit Limit
}

// DefaultLimit is for lines that strangers can cause.
var DefaultLimit = Limit{Burst: 20, Every: time.Second}

// debugLimit is for those who asked for everything.
var debugLimit = Limit{Burst: 1000, Every: time.Millisecond}

const (
	maxKinds = 512
	maxLines = 4096
	maxBytes = 1 << 20
	// quiet is how long a kind of line must not have been suppressed before a
	// line of its own reports how many were.
	quiet = 5 * time.Second
)

// Log is a log that can be written to from every goroutine and never makes one
// wait. Close must be called, or the last lines are lost.
type Log struct {
	out    io.Writer
	json   bool
	format slog.Handler // appends to line; without attributes
	queue  *queue

	formatting sync.Mutex
	line       bytes.Buffer

	limiting sync.Mutex
	limits   *limiter

	written, dropped atomic.Uint64

	unreported uint64 // dropped, and not in the log yet; the writer's alone
	torn       bool   // the last that was written is no whole line; the writer's alone

	closing   sync.Once
	closed    chan struct{} // Close was called
	abandoned chan struct{} // Close waits no longer
	over      chan struct{} // all is written
}

// Open starts a Log.
func Open(cfg Config) *Log {
	if cfg.Limit == (Limit{}) {
		cfg.Limit = DefaultLimit
	}
	l := &Log{
		out: cfg.Out, json: cfg.JSON,
		queue:  newQueue(maxLines, maxBytes),
		limits: newLimiter(cfg.Limit, debugLimit, maxKinds),
		closed: make(chan struct{}), abandoned: make(chan struct{}), over: make(chan struct{}),
	}
	if cfg.JSON {
		l.format = slog.NewJSONHandler(&l.line, &slog.HandlerOptions{Level: cfg.Level})
	} else {
		l.format = newTextHandler(&l.line, cfg.Level, cfg.Timeless)
	}
	go l.write()
	return l
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(&handler{log: l, format: l.format}) }

// Write queues p, which must be whole lines, without any limit of its rate. It
// never waits, and returns no error: what is dropped is counted.
func (l *Log) Write(p []byte) (int, error) {
	l.push(cut(bytes.Clone(p)))
	return len(p), nil
}

// Close waits until every line is written, but no longer than that: whoever does
// not read cannot hold up the end of the process. Lines that come later are
// dropped.
func (l *Log) Close(patience time.Duration) {
	l.closing.Do(func() {
		l.queue.close()
		close(l.closed)
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-l.over:
		case <-timer.C:
		}
		close(l.abandoned)
	})
}

// Counts are how many lines there were.
type Counts struct {
	Written    uint64 // in full
	Dropped    uint64 // because nobody read, or writing failed
	Suppressed uint64 // because there were too many of their kind
}

// Counts returns the counts as they are now.
func (l *Log) Counts() Counts {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	return Counts{l.written.Load(), l.dropped.Load(), l.limits.total}
}

func (l *Log) push(text []byte) bool {
	ok := l.queue.push(text)
	if !ok {
		l.dropped.Add(1)
	}
	return ok
}

func (l *Log) allow(k kind) (suppressed uint64, ok bool) {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	suppressed, ok = l.limits.allow(k, time.Now())
	if !ok && l.limits.pending == 1 {
		l.queue.wake() // somebody has to wait for the quiet
	}
	return suppressed, ok
}

func (l *Log) restore(k kind, suppressed uint64) {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	l.limits.restore(k, suppressed)
}
