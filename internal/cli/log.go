package cli

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/pflag"
)

// logFlags are --log-level and --log-format.
type logFlags struct{ level, format string }

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

func (f *logFlags) register(flags *pflag.FlagSet) {
	flags.Var(choice{&f.level, logLevels}, "log-level", "the least that is logged: debug, info, warn or error")
	flags.Var(choice{&f.format, logFormats}, "log-format", "text or json")
}

// logger writes to standard error, without the time where the journal, which
// has a clock of its own, reads it.
func (f *logFlags) logger(p *Process) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		panic(err) // the flag takes no other words
	}
	timeless := isJournal(p.Stderr, p.Getenv("JOURNAL_STREAM"))
	if f.format == "text" {
		return slog.New(newTextHandler(p.Stderr, level, timeless))
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, &slog.HandlerOptions{Level: level}))
}

// textHandler writes a record as a person reads it:
//
//	2026-11-22 22:35:12.123 INFO  listening url=tcp://[::]:8080 engine=epoll
//
// The attributes are slog's own TextHandler's; only what stands before them is
// not.
type textHandler struct {
	attrs    slog.Handler // writes to shared.line
	shared   *textWriter
	timeless bool
}

// textWriter is what all handlers derived from one share.
type textWriter struct {
	mu   sync.Mutex
	out  io.Writer
	line bytes.Buffer
}

func newTextHandler(w io.Writer, level slog.Level, timeless bool) slog.Handler {
	shared := &textWriter{out: w}
	attrs := slog.NewTextHandler(&shared.line, &slog.HandlerOptions{Level: level, ReplaceAttr: dropBuiltin})
	return &textHandler{attrs: attrs, shared: shared, timeless: timeless}
}

// dropBuiltin leaves out what Handle writes itself.
func dropBuiltin(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (h *textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{h.attrs.WithAttrs(attrs), h.shared, h.timeless}
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.attrs.WithGroup(name), h.shared, h.timeless}
}

func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	w := h.shared
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line.Reset()
	if !h.timeless && !r.Time.IsZero() {
		w.line.WriteString(r.Time.Format("2006-01-02 15:04:05.000 "))
	}
	level := r.Level.String()
	w.line.WriteString(level)
	w.line.WriteString("     "[min(len(level), 5):])
	w.line.WriteString(" " + r.Message + " ")
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	line := bytes.TrimRight(w.line.Bytes(), " \n")
	_, err := w.out.Write(append(line, '\n'))
	return err
}
