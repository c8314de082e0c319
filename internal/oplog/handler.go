package oplog

import (
	"context"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"
)

// handler limits, formats and queues the records of a Log. Its Handle never waits
// for the reader of the log.
type handler struct {
	log     *Log
	format  slog.Handler // appends to log.line
	subject string       // the subject among the attributes of its own
	grouped bool         // attributes of records are in a group, so none names the subject
}

// subjects are the attributes by whose value lines are of different kinds. The
// operator chooses these values, and so how many there are.
var subjects = []string{"url", "target", "listener"}

func subjectOf(a slog.Attr) (string, bool) {
	if !slices.Contains(subjects, a.Key) {
		return "", false
	}
	return a.Value.Resolve().String(), true
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.format.Enabled(ctx, level)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.format = h.format.WithAttrs(attrs)
	for _, a := range attrs {
		if text, ok := subjectOf(a); ok && !h.grouped {
			derived.subject = text
		}
	}
	return &derived
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h // so slog.Handler wants it
	}
	derived := *h
	derived.format = h.format.WithGroup(name)
	derived.grouped = true
	return &derived
}

// Handle never returns an error: there is nobody to report it to.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	k := newKind(r.Level, r.Message, h.subjectOf(r))
	suppressed, ok := h.log.allow(k)
	if !ok {
		return nil
	}
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Uint64("suppressed", suppressed))
	}
	if !h.log.push(h.log.lineOf(ctx, h.format, r)) {
		h.log.restore(k, suppressed)
	}
	return nil
}

func (h *handler) subjectOf(r slog.Record) string {
	subject := h.subject
	if !h.grouped {
		r.Attrs(func(a slog.Attr) bool {
			text, ok := subjectOf(a)
			if ok {
				subject = text
			}
			return !ok
		})
	}
	return subject
}

// MaxLine is the longest line that is written, in bytes.
const MaxLine = 8 << 10

// lineOf formats a record as one line of at most MaxLine bytes.
func (l *Log) lineOf(ctx context.Context, format slog.Handler, r slog.Record) []byte {
	l.formatting.Lock()
	defer l.formatting.Unlock()
	l.line.Reset()
	err := format.Handle(ctx, r)
	if n := l.line.Len(); err != nil || n > MaxLine && l.json {
		// A JSON line that was cut would not be JSON.
		short := slog.NewRecord(r.Time, r.Level, r.Message[:min(len(r.Message), maxKeyText)], 0)
		short.AddAttrs(slog.Int("cut_bytes", n))
		l.line.Reset()
		l.format.Handle(ctx, short)
	}
	return cut(slices.Clone(l.line.Bytes()))
}

const cutMark = " [cut]\n"

// cut shortens a line that is too long, and marks it.
func cut(text []byte) []byte {
	if len(text) <= MaxLine {
		return text
	}
	end := MaxLine - len(cutMark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return append(text[:end:end], cutMark...)
}

// record makes a record of the Log's own.
func record(level slog.Level, message string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Now(), level, message, 0)
	r.AddAttrs(attrs...)
	return r
}
