package oplog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testTimeout is how long a test waits for an event that must happen.
const testTimeout = 30 * time.Second

// blockedWriter blocks until its channel is closed.
type blockedWriter struct {
	unblocked chan struct{}
	mu        sync.Mutex
	got       bytes.Buffer
}

func newBlockedWriter() *blockedWriter { return &blockedWriter{unblocked: make(chan struct{})} }

func (g *blockedWriter) Write(p []byte) (int, error) {
	<-g.unblocked
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(p)
}

// funcWriter is a writer whose Write is a function.
type funcWriter struct {
	got   bytes.Buffer
	calls int
	do    func(call int, p []byte) (int, error)
}

func (f *funcWriter) Write(p []byte) (int, error) {
	f.calls++
	n, err := f.do(f.calls, p)
	if n > 0 && n <= len(p) {
		f.got.Write(p[:n])
	}
	return n, err
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// TestBlockedReaderDoesNotBlockCallers also checks that Close returns at its timeout.
func TestBlockedReaderDoesNotBlockCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newBlockedWriter()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1 << 20, Every: 1}})
		start, log := time.Now(), l.Logger()
		const n = 3 * maxLines
		for i := range n {
			log.Info("line", slog.Int("i", i))
		}
		l.Close(time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("got %v, want the 1s timeout of Close", took)
		}
		log.Info("after Close")
		if got := l.Counts(); got.Written != 0 || got.Dropped < n-maxLines-1 || got.Suppressed != 0 {
			t.Errorf("got %+v, want nothing written and most dropped", got)
		}
		close(out.unblocked)
	})
}

// TestDroppedLinesAreReportedWhereTheyAreMissing blocks the reader for some time.
func TestDroppedLinesAreReportedWhereTheyAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newBlockedWriter()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1 << 20, Every: 1}})
		log := l.Logger()
		log.Info("first")
		synctest.Wait() // until it is being written
		for i := range maxLines + 7 {
			log.Info("line", slog.Int("i", i))
		}
		close(out.unblocked)
		synctest.Wait()
		log.Info("last")
		l.Close(time.Second)
		got := lines(out.got.String())
		want := []string{"INFO  line i=4095", "WARN  log lines dropped dropped=7", "INFO  last"}
		if diff := cmp.Diff(want, got[len(got)-3:]); diff != "" {
			t.Errorf("last lines of the log (-want +got):\n%s", diff)
		}
		if got, want := l.Counts(), (Counts{Written: maxLines + 3, Dropped: 7}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestEachLineIsWrittenOrCounted uses writers that fail. It also checks that each line
// starts on a new line.
func TestEachLineIsWrittenOrCounted(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name    string
		do      func(call int, p []byte) (int, error)
		want    []string
		dropped uint64
	}{
		{"EPIPE", func(int, []byte) (int, error) { return 0, syscall.EPIPE }, []string{""}, 3},
		{"a full disk for some time", func(call int, p []byte) (int, error) {
			if call < 3 {
				return 0, syscall.ENOSPC
			}
			return len(p), nil
		}, []string{"WARN  log lines dropped dropped=2", "INFO  3"}, 2},
		{"a full disk in the middle of a line", func(call int, p []byte) (int, error) {
			if call == 1 {
				return 4, syscall.ENOSPC
			}
			return len(p), nil
		}, []string{"INFO", "WARN  log lines dropped dropped=1", "INFO  2", "INFO  3"}, 1},
		{"short writes without an error", func(_ int, p []byte) (int, error) { return (len(p) + 1) / 2, nil },
			[]string{"INFO  1", "INFO  2", "INFO  3"}, 0},
		{"empty writes without an error", func(int, []byte) (int, error) { return 0, nil }, []string{""}, 3},
		{"EAGAIN with a part of the line", func(call int, p []byte) (int, error) {
			if call%2 == 1 {
				return 1, syscall.EAGAIN
			}
			return len(p), nil
		}, []string{"INFO  1", "INFO  2", "INFO  3"}, 0},
		{"EAGAIN always", func(int, []byte) (int, error) { return 0, syscall.EAGAIN }, []string{""}, 1},
		{"impossible counts", func(call int, p []byte) (int, error) {
			if call == 1 {
				return -5, broken
			}
			return len(p) + 9, nil
		}, []string{""}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &funcWriter{do: tt.do}
				l := Open(Config{Out: out, Timeless: true})
				for i := range 3 {
					l.Logger().Info(fmt.Sprint(i + 1))
					synctest.Wait()
				}
				l.Close(time.Minute)
				synctest.Wait()
				if diff := cmp.Diff(tt.want, lines(out.got.String())); diff != "" {
					t.Errorf("log (-want +got)\n%s", diff)
				}
				if got := l.Counts().Dropped; got < tt.dropped {
					t.Errorf("got %d lines dropped, want at least %d", got, tt.dropped)
				}
			})
		})
	}
}

// TestFloodIsSuppressedAndCounted writes many lines of two kinds.
func TestFloodIsSuppressedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := Open(Config{Out: &out, Timeless: true})
		log := l.Logger().With(slog.String("url", "tcp://:7"))
		for range 30 {
			log.Warn("listener pauses")
			l.Logger().Warn("listener pauses", slog.String("url", "tcp://:8"))
		}
		time.Sleep(time.Second)
		log.Warn("listener pauses")
		log.Warn("listener pauses")
		time.Sleep(3 * quiet) // before Close, which writes the last summaries
		synctest.Wait()
		got := lines(out.String())[40:]
		l.Close(time.Second)
		want := []string{
			"WARN  listener pauses url=tcp://:7 suppressed=10",
			`WARN  log lines suppressed message="listener pauses" subject=tcp://:8 suppressed=10`,
			`WARN  log lines suppressed message="listener pauses" subject=tcp://:7 suppressed=1`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lines after the bursts (-want +got):\n%s", diff)
		}
		if got, want := l.Counts(), (Counts{Written: 43, Suppressed: 21}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestCountOfADroppedLineIsReportedByAnother drops a line that reports a count.
func TestCountOfADroppedLineIsReportedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newBlockedWriter()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Second}})
		log := l.Logger()
		for range 5 {
			log.Info("kind") // one is written, and four are suppressed
		}
		synctest.Wait()
		for range 2 * maxLines {
			l.Write([]byte("other\n"))
		}
		time.Sleep(time.Second)
		log.Info("kind") // it has the count, and is dropped
		close(out.unblocked)
		l.Close(time.Minute)
		got := lines(out.got.String())
		want := []string{"other", fmt.Sprintf("WARN  log lines dropped dropped=%d", maxLines+1), "INFO  log lines suppressed message=kind suppressed=4"}
		if diff := cmp.Diff(want, got[len(got)-3:]); diff != "" {
			t.Errorf("last lines of the log (-want +got):\n%s", diff)
		}
	})
}

func TestSummaryIsWrittenAfterAQuietTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
		l.Logger().Info("ended")
		synctest.Wait() // it is written, and there is no timer for a summary yet
		l.Logger().Info("ended")
		time.Sleep(2 * quiet)
		synctest.Wait()
		got := lines(out.String())
		l.Close(time.Second)
		want := []string{"INFO  ended", "INFO  log lines suppressed message=ended suppressed=1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got)\n%s", diff)
		}
	})
}

// TestAttributesInGroupsAreNotSubjects exists because peers can control such attributes.
func TestAttributesInGroupsAreNotSubjects(t *testing.T) {
	tests := []struct {
		name string
		from func(slog.Handler) slog.Handler
		want int // lines with three subjects
	}{
		{"no group", func(h slog.Handler) slog.Handler { return h }, 3},
		{"a group", func(h slog.Handler) slog.Handler { return h.WithGroup("peer") }, 1},
		{"a group in a group", func(h slog.Handler) slog.Handler { return h.WithGroup("peer").WithGroup("tls") }, 1},
		{"a group without a name, which is not a group", func(h slog.Handler) slog.Handler { return h.WithGroup("") }, 3},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
		log := slog.New(tt.from(l.Logger().Handler()))
		for i := range 3 {
			log.Info("message", slog.Int("url", i))
		}
		l.Close(testTimeout)
		if got := strings.Count(out.String(), "INFO  message"); got != tt.want {
			t.Errorf("%s: got %d lines, want %d:\n%s", tt.name, got, tt.want, out.String())
		}
	}
}

func TestCloseWritesTheLastSummary(t *testing.T) {
	var out bytes.Buffer
	l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
	for range 3 {
		l.Logger().Info("ended", slog.String("client", "192.0.2.7:1"))
	}
	l.Close(testTimeout)
	want := []string{"INFO  ended client=192.0.2.7:1", "INFO  log lines suppressed message=ended suppressed=2"}
	if diff := cmp.Diff(want, lines(out.String())); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
	}
}
