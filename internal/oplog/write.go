package oplog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"syscall"
	"time"
)

// write writes what is queued until the Log is closed and the queue is empty.
func (l *Log) write() {
	defer close(l.over)
	var rested <-chan time.Time
	for {
		if next, ok := l.queue.pop(); ok {
			l.writeLine(next)
			continue
		}
		if rested == nil && l.pending() {
			rested = time.After(quiet)
		}
		select {
		case <-l.queue.ready:
		case <-rested:
			rested = nil
			l.summarize(quiet)
		case <-l.closed:
			if next, ok := l.queue.pop(); ok {
				l.writeLine(next)
				continue
			}
			l.summarize(0)
			l.report()
			return
		}
	}
}

// pending reports whether there is a count that no line has reported.
func (l *Log) pending() bool {
	l.limiting.Lock()
	defer l.limiting.Unlock()
	return l.limits.pending > 0
}

// writeLine writes one line, after a report of those that were dropped before it.
// While not even that can be written, the line is lost as well.
func (l *Log) writeLine(next line) {
	l.unreported += next.dropped
	if l.report() && next.text == nil {
		return
	}
	if next.text == nil {
		return
	}
	if l.unreported > 0 || l.put(next.text) != nil {
		l.unreported++
		l.dropped.Add(1)
	}
}

// report writes how many lines were dropped, if any were, and reports whether
// nothing is left to report.
func (l *Log) report() bool {
	if l.unreported == 0 {
		return true
	}
	text := l.lineOf(context.Background(), l.format, record(slog.LevelWarn, "log lines dropped", slog.Uint64("dropped", l.unreported)))
	if l.put(text) != nil {
		return false
	}
	l.unreported = 0
	return true
}

// summarize writes a line for each kind of which lines were suppressed and then,
// for that long, none came.
func (l *Log) summarize(quiet time.Duration) {
	l.limiting.Lock()
	all := l.limits.summaries(time.Now(), quiet)
	l.limiting.Unlock()
	for _, s := range all {
		r := record(s.kind.level, "log lines suppressed", slog.String("message", s.kind.message))
		if s.kind.subject != "" {
			r.AddAttrs(slog.String("subject", s.kind.subject))
		}
		r.AddAttrs(slog.Uint64("suppressed", s.suppressed))
		if l.put(l.lineOf(context.Background(), l.format, r)) != nil {
			l.restore(s.kind, s.suppressed)
		}
	}
}

// retryEvery is for a file that another process has made non-blocking: writing
// then fails where it would have waited.
const retryEvery = 50 * time.Millisecond

// put writes one line. After a part of a line, the next begins on a new one.
func (l *Log) put(text []byte) error {
	if l.torn {
		text = append([]byte{'\n'}, text...)
	}
	for len(text) > 0 {
		n, err := l.out.Write(text)
		n = max(0, min(n, len(text))) // a writer that is wrong about it breaks nothing
		if n > 0 {
			l.torn = text[n-1] != '\n'
		}
		text = text[n:]
		switch {
		case len(text) == 0:
		case errors.Is(err, syscall.EAGAIN):
			if !l.pause() {
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

// pause waits before the next try. False: nobody waits for the line any more.
func (l *Log) pause() bool {
	timer := time.NewTimer(retryEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.abandoned:
		return false
	}
}
