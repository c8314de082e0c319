package oplog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
)

// LineWriter returns a writer for loggers that know only text, such as the one of
// net/http. Each Write becomes one record of that level and message; what is
// written is its attribute "text". So all of it is of one kind, whatever a
// stranger made it say.
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
