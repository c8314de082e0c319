// Package oplog writes a log that never blocks its callers.
//
// A caller formats its line and puts it into a bounded queue. One goroutine writes the
// queue. If nobody reads the log, the queue becomes full; then new lines are dropped and
// counted. The rate of each kind of line is limited before that, so that strangers
// cannot fill the log. Suppressed lines are counted too.
package oplog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Config is the configuration of a Log.
type Config struct {
	// Out receives each line with one call of Write. It may block or fail.
	Out io.Writer
	// Level is the lowest level that is written.
	Level slog.Level
	// JSON writes JSON instead of text.
	JSON bool
	// Timeless omits the time from text lines, for a reader that adds its own.
	Timeless bool
	// Limit is the rate limit of each kind of line. The zero value is DefaultLimit.
	Limit Limit
}

// DefaultLimit is the limit of lines that strangers can cause.
var DefaultLimit = Limit{Burst: 20, Every: time.Second}

// debugLimit is the limit of debug lines, which are written only if asked for.
var debugLimit = Limit{Burst: 1000, Every: time.Millisecond}

const (
	maxKinds = 512
	maxLines = 4096
	maxBytes = 1 << 20
	// quiet is the time after the last suppressed line of a kind, after which a summary
	// reports how many lines of the kind were suppressed.
	quiet = 5 * time.Second
	// retryInterval is the time between two attempts to write to a file that another
	// process has made non-blocking, so that a write fails instead of blocking.
	retryInterval = 50 * time.Millisecond
)

// Log is a log that never blocks its callers. Its methods may be called from any
// goroutine. Without Close, the last lines are lost.
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

	// Only for the writing goroutine.
	unreported uint64 // dropped lines that the log does not report yet
	partial    bool   // the last write did not end with a newline

	closing      sync.Once
	closed       chan struct{} // Close was called
	closeTimeout chan struct{} // Close no longer waits
	done         chan struct{} // everything is written
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
		closed: make(chan struct{}), closeTimeout: make(chan struct{}), done: make(chan struct{}),
	}
	if cfg.JSON {
		l.format = slog.NewJSONHandler(&l.line, &slog.HandlerOptions{Level: cfg.Level})
	} else {
		l.format = newTextHandler(&l.line, cfg.Level, cfg.Timeless)
	}
	go l.writeQueue()
	return l
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(&handler{log: l, format: l.format}) }

// Write queues p, which must be whole lines, without a rate limit. It never blocks and
// returns no error. Dropped lines are counted.
func (l *Log) Write(p []byte) (int, error) {
	l.push(cut(bytes.Clone(p)))
	return len(p), nil
}

// Close waits until all lines are written, but not longer than timeout: a log that
// nobody reads must not delay the end of the process. Lines after Close are dropped.
func (l *Log) Close(timeout time.Duration) {
	l.closing.Do(func() {
		l.queue.close()
		close(l.closed)
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		select {
		case <-l.done:
		case <-timer.C:
		}
		close(l.closeTimeout)
	})
}

// Counts are numbers of lines.
type Counts struct {
	Written    uint64 // in full
	Dropped    uint64 // because nobody read the log, or a write failed
	Suppressed uint64 // by the rate limit of their kind
}

// Counts returns the current counts.
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
		l.queue.wake() // the writing goroutine must start a timer for the summary
	}
	return suppressed, ok
}

func (l *Log) restore(k kind, suppressed uint64) {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	l.limits.restore(k, suppressed)
}

// writeQueue writes the queue until the Log is closed and the queue is empty.
func (l *Log) writeQueue() {
	defer close(l.done)
	var summary <-chan time.Time
	for {
		if next, ok := l.queue.pop(); ok {
			l.writeLine(next)
			continue
		}
		if summary == nil && l.pending() {
			summary = time.After(quiet)
		}
		select {
		case <-l.queue.changed:
		case <-summary:
			summary = nil
			l.writeSummaries(quiet)
		case <-l.closed:
			if next, ok := l.queue.pop(); ok {
				l.writeLine(next)
				continue
			}
			l.writeSummaries(0)
			l.reportDropped()
			return
		}
	}
}

// pending reports whether there are suppressed lines that the log does not report yet.
func (l *Log) pending() bool {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	return l.limits.pending > 0
}

// writeLine writes one line. If lines were dropped before it, it reports them first. If
// that report cannot be written, the line is dropped too.
func (l *Log) writeLine(next line) {
	l.unreported += next.dropped
	l.reportDropped()
	if next.text == nil {
		return
	}
	if l.unreported > 0 || l.write(next.text) != nil {
		l.unreported++
		l.dropped.Add(1)
	}
}

// reportDropped writes how many lines were dropped. It returns false if that failed.
func (l *Log) reportDropped() bool {
	if l.unreported == 0 {
		return true
	}
	text := l.lineOf(context.Background(), l.format, record(slog.LevelWarn, "log lines dropped", slog.Uint64("dropped", l.unreported)))
	if l.write(text) != nil {
		return false
	}
	l.unreported = 0
	return true
}

// writeSummaries writes a line for each kind with suppressed lines, if none was
// suppressed for the duration quiet.
func (l *Log) writeSummaries(quiet time.Duration) {
	l.limiting.Lock()
	all := l.limits.summaries(time.Now(), quiet)
	l.limiting.Unlock()
	for _, s := range all {
		r := record(s.kind.level, "log lines suppressed", slog.String("message", s.kind.message))
		if s.kind.subject != "" {
			r.AddAttrs(slog.String("subject", s.kind.subject))
		}
		r.AddAttrs(slog.Uint64("suppressed", s.suppressed))
		if l.write(l.lineOf(context.Background(), l.format, r)) != nil {
			l.restore(s.kind, s.suppressed)
		}
	}
}

// write writes one line. If the last write was partial, it starts a new line.
func (l *Log) write(text []byte) error {
	if l.partial {
		text = append([]byte{'\n'}, text...)
	}
	for len(text) > 0 {
		n, err := l.out.Write(text)
		n = max(0, min(n, len(text))) // in case the writer returns an impossible count
		if n > 0 {
			l.partial = text[n-1] != '\n'
		}
		text = text[n:]
		switch {
		case len(text) == 0:
		case errors.Is(err, syscall.EAGAIN):
			if !l.waitForRetry() {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
	}
	l.written.Add(1)
	return nil
}

// waitForRetry returns false if Close no longer waits.
func (l *Log) waitForRetry() bool {
	timer := time.NewTimer(retryInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closeTimeout:
		return false
	}
}
