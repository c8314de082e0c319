package oplog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"
)

// handler limits, formats and queues the records of a Log. Its Handle never blocks.
type handler struct {
	log     *Log
	format  slog.Handler // appends to log.line
	subject string       // of the attributes of the handler
	grouped bool         // attributes of records are in a group, so they have no subject
}

// subjects are attributes whose value is part of a line's kind. The operator chooses
// these values, so their number is limited.
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
		return h // as slog.Handler requires
	}
	derived := *h
	derived.format = h.format.WithGroup(name)
	derived.grouped = true
	return &derived
}

// Handle never returns an error, because no caller handles it.
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

// MaxLine is the longest line in bytes.
const MaxLine = 8 << 10

// lineOf formats a record as one line of at most MaxLine bytes.
func (l *Log) lineOf(ctx context.Context, format slog.Handler, r slog.Record) []byte {
	l.formatting.Lock()
	defer l.formatting.Unlock()
	l.line.Reset()
	err := format.Handle(ctx, r)
	if n := l.line.Len(); err != nil || n > MaxLine && l.json {
		// JSON that is cut is not valid, so only the message is kept.
		short := slog.NewRecord(r.Time, r.Level, r.Message[:min(len(r.Message), maxKeyText)], 0)
		short.AddAttrs(slog.Int("cut_bytes", n))
		l.line.Reset()
		l.format.Handle(ctx, short)
	}
	return cut(slices.Clone(l.line.Bytes()))
}

const cutMark = " [cut]\n"

// cut shortens a line that is too long, and adds a mark.
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

// record returns a record of the Log itself.
func record(level slog.Level, message string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Now(), level, message, 0)
	r.AddAttrs(attrs...)
	return r
}

// textHandler formats a record for people:
//
//	2026-11-22 22:35:12.123 INFO  listening url=tcp://[::]:8080 engine=epoll
//
// slog.TextHandler formats the attributes. All handlers that are derived from one share
// its buffer, so the caller must handle one record at a time.
type textHandler struct {
	attrs    slog.Handler // writes to line
	line     *bytes.Buffer
	timeless bool
}

func newTextHandler(line *bytes.Buffer, level slog.Leveler, timeless bool) slog.Handler {
	attrs := slog.NewTextHandler(line, &slog.HandlerOptions{Level: level, ReplaceAttr: omitBuiltin})
	return &textHandler{attrs: attrs, line: line, timeless: timeless}
}

// omitBuiltin omits the attributes that textHandler writes itself.
func omitBuiltin(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (h *textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{h.attrs.WithAttrs(attrs), h.line, h.timeless}
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.attrs.WithGroup(name), h.line, h.timeless}
}

func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.timeless && !r.Time.IsZero() {
		h.line.WriteString(r.Time.Format("2006-01-02 15:04:05.000 "))
	}
	level := r.Level.String()
	h.line.WriteString(level)
	h.line.WriteString("     "[min(len(level), 5):])
	h.line.WriteString(" " + r.Message + " ")
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	end := len(bytes.TrimRight(h.line.Bytes(), " \n"))
	h.line.Truncate(end)
	h.line.WriteByte('\n')
	return nil
}

// LineWriter returns a writer for loggers that write text, e.g. the one of net/http.
// Each Write becomes a record with this level and message, and with the written text as
// the attribute "text". So all lines have one kind, also if strangers control the text.
func LineWriter(log *slog.Logger, level slog.Level, message string) io.Writer {
	return lineWriter{log, level, message}
}

type lineWriter struct {
	log     *slog.Logger
	level   slog.Level
	message string
}

func (w lineWriter) Write(p []byte) (int, error) {
	w.log.LogAttrs(context.Background(), w.level, w.message, slog.String("text", string(bytes.TrimSpace(p))))
	return len(p), nil
}
