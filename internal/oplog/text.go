package oplog

import (
	"bytes"
	"context"
	"log/slog"
)

// textHandler writes a record as a person reads it:
//
//	2026-11-22 22:35:12.123 INFO  listening url=tcp://[::]:8080 engine=epoll
//
// The attributes are slog's own TextHandler's; only what is before them is not.
// It appends to a buffer that all handlers derived from one share, so its caller
// must let in one record at a time.
type textHandler struct {
	attrs    slog.Handler // writes to line
	line     *bytes.Buffer
	timeless bool
}

func newTextHandler(line *bytes.Buffer, level slog.Leveler, timeless bool) slog.Handler {
	attrs := slog.NewTextHandler(line, &slog.HandlerOptions{Level: level, ReplaceAttr: omitBuiltin})
	return &textHandler{attrs: attrs, line: line, timeless: timeless}
}

// omitBuiltin omits what Handle writes itself.
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
