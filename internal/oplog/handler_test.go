package oplog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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
			l.Close(testTimeout)
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
	l.Close(testTimeout)
	if want := strings.Repeat("INFO  echoed bytes=22\n", 200); got.String() != want {
		t.Errorf("got %q", got.String())
	}
}

func TestLongLineIsCut(t *testing.T) {
	long := strings.Repeat("ä", MaxLine)
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		l := Open(Config{Out: &out, JSON: asJSON})
		l.Logger().Error("certificate not reloaded", slog.String("error", long))
		l.Logger().Info("next")
		l.Write([]byte(long + "\n"))
		l.Close(testTimeout)
		got := lines(out.String())
		if len(got) != 3 {
			t.Fatalf("json %v: got %d lines, want 3", asJSON, len(got))
		}
		for _, line := range got {
			if len(line) >= MaxLine {
				t.Errorf("json %v: got a line of %d bytes, want less than %d", asJSON, len(line), MaxLine)
			}
		}
		var parsed struct {
			Level string
			Msg   string
			Cut   int `json:"cut_bytes"`
		}
		if !asJSON {
			if !strings.HasSuffix(got[0], "ä [cut]") || !strings.HasSuffix(got[2], "ä [cut]") {
				t.Errorf("got lines that end with %q and %q, want the mark", got[0][len(got[0])-9:], got[2][len(got[2])-9:])
			}
		} else if err := json.Unmarshal([]byte(got[0]), &parsed); err != nil || parsed.Level != "ERROR" || parsed.Msg != "certificate not reloaded" || parsed.Cut <= MaxLine {
			t.Errorf("got %q, %v; want JSON with cut_bytes", got[0], err)
		}
	}
}

func TestLineOfMaximumLengthIsNotCut(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { // the time has always the same length there
			lengthOf := func(text int) (int, string) {
				var out bytes.Buffer
				l := Open(Config{Out: &out, JSON: asJSON})
				l.Logger().Info("m", slog.String("text", strings.Repeat("x", text)))
				l.Close(time.Second)
				return out.Len(), out.String()
			}
			one, _ := lengthOf(1)
			fits := MaxLine - one + 1
			if n, line := lengthOf(fits); n != MaxLine || strings.Contains(line, "cut") {
				t.Errorf("json %t: got %d bytes that end with %q, want all %d", asJSON, n, line[n-20:], MaxLine)
			}
			if n, line := lengthOf(fits + 1); n > MaxLine || !strings.Contains(line, "cut") {
				t.Errorf("json %t: one byte more: got %d bytes that end with %q, want a line that is cut", asJSON, n, line[n-20:])
			}
		})
	}
}

func TestLineThatIsNotTextIsCut(t *testing.T) {
	got := cut(bytes.Repeat([]byte{0x80}, MaxLine+1)) // without the start of a rune
	if string(got) != cutMark {
		t.Errorf("got %d bytes, want only the mark", len(got))
	}
}

func TestLineWriterWritesOneKindOfLine(t *testing.T) {
	var out bytes.Buffer
	l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 2, Every: time.Hour}})
	w := LineWriter(l.Logger(), slog.LevelInfo, "admin http")
	for i := range 9 {
		fmt.Fprintf(w, "http: error %d\n", i)
	}
	l.Close(testTimeout)
	want := []string{`INFO  admin http text="http: error 0"`, `INFO  admin http text="http: error 1"`,
		`INFO  log lines suppressed message="admin http" suppressed=7`}
	if diff := cmp.Diff(want, lines(out.String())); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
	}
}
