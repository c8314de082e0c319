package oplog

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func TestTextLogReadsLikeASentence(t *testing.T) {
	tests := []struct {
		name     string
		timeless bool
		do       func(*slog.Logger)
		want     string // a regular expression
	}{
		{"with the time", false, func(l *slog.Logger) { l.Info("listening", "url", "tcp://[::]:8080", "engine", "epoll") },
			`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO  listening url=tcp://\[::\]:8080 engine=epoll\n$`},
		{"for the journal", true, func(l *slog.Logger) { l.Error("a loop hangs", "error", "the epoll engine: too late") },
			`^ERROR a loop hangs error="the epoll engine: too late"\n$`},
		{"no attributes", true, func(l *slog.Logger) { l.Warn("drain cut short") },
			`^WARN  drain cut short\n$`},
		{"attributes of a child", true, func(l *slog.Logger) { l.With("loop", 1).WithGroup("peer").Info("gone", "port", 7) },
			`^INFO  gone loop=1 peer\.port=7\n$`},
		{"below the level", true, func(l *slog.Logger) { l.Debug("accepted") }, `^$`},
		{"one line whatever it holds", true, func(l *slog.Logger) { l.Info("listening", "url", "unix:///a\nb") },
			`^INFO  listening url="unix:///a\\nb"\n$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			l := Open(Config{Out: &got, Timeless: tt.timeless})
			tt.do(l.Logger())
			l.Close(patience)
			if !regexp.MustCompile(tt.want).MatchString(got.String()) {
				t.Errorf("got %q, want %s", got.String(), tt.want)
			}
		})
	}
}

func TestTextLogKeepsLinesOfManyGoroutinesApart(t *testing.T) {
	var got bytes.Buffer
	l := Open(Config{Out: &got, Timeless: true, Limit: Limit{Burst: 200, Every: 1}})
	log := l.Logger()
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				log.Info("echoed", "bytes", 22)
			}
		}()
	}
	for range 4 {
		<-done
	}
	l.Close(patience)
	if want := strings.Repeat("INFO  echoed bytes=22\n", 200); got.String() != want {
		t.Errorf("got %q", got.String())
	}
}
