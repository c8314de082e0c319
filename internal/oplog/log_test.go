package oplog

import (
	"bytes"
	"encoding/json"
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

// patience bounds how long a test waits for what must happen.
const patience = 30 * time.Second

// gate is a writer that blocks until it is opened.
type gate struct {
	opened chan struct{}
	mu     sync.Mutex
	got    bytes.Buffer
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) Write(p []byte) (int, error) {
	<-g.opened
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(p)
}

// faulty is a writer that does with each Write what a function says.
type faulty struct {
	got   bytes.Buffer
	calls int
	do    func(call int, p []byte) (int, error)
}

func (f *faulty) Write(p []byte) (int, error) {
	f.calls++
	n, err := f.do(f.calls, p)
	if n > 0 && n <= len(p) {
		f.got.Write(p[:n])
	}
	return n, err
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// TestReaderThatBlocksForEverHoldsUpNobody: all lines are taken or dropped at
// once, and Close waits as long as it was told to.
func TestReaderThatBlocksForEverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newGate()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1 << 20, Every: 1}})
		began, log := time.Now(), l.Logger()
		const n = 3 * maxLines
		for i := range n {
			log.Info("line", slog.Int("i", i))
		}
		l.Close(time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v, want the 1s of Close", took)
		}
		log.Info("after the end")
		if got := l.Counts(); got.Written != 0 || got.Dropped < n-maxLines-1 || got.Suppressed != 0 {
			t.Errorf("got %+v, want nothing written and most dropped", got)
		}
		close(out.opened)
	})
}

// TestReaderThatComesBackReadsWhatIsMissing: every line is in the log or in a
// count of those that were dropped, in its place.
func TestReaderThatComesBackReadsWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newGate()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1 << 20, Every: 1}})
		log := l.Logger()
		log.Info("first")
		synctest.Wait() // it is being written
		for i := range maxLines + 7 {
			log.Info("line", slog.Int("i", i))
		}
		close(out.opened)
		synctest.Wait()
		log.Info("last")
		l.Close(time.Second)
		got := lines(out.got.String())
		want := []string{"INFO  line i=4095", "WARN  log lines dropped dropped=7", "INFO  last"}
		if diff := cmp.Diff(want, got[len(got)-3:]); diff != "" {
			t.Errorf("the end of the log (-want +got)\n%s", diff)
		}
		if got, want := l.Counts(), (Counts{Written: maxLines + 3, Dropped: 7}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestWritersThatFail: whatever Write does, each line is written whole or
// counted, and begins on a line of its own.
func TestWritersThatFail(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name string
		do   func(call int, p []byte) (int, error)
		want []string
		lost uint64
	}{
		{"gone", func(int, []byte) (int, error) { return 0, syscall.EPIPE }, []string{""}, 3},
		{"full for a while", func(call int, p []byte) (int, error) {
			if call < 3 {
				return 0, syscall.ENOSPC
			}
			return len(p), nil
		}, []string{"WARN  log lines dropped dropped=2", "INFO  3"}, 2},
		{"full in the middle of a line", func(call int, p []byte) (int, error) {
			if call == 1 {
				return 4, syscall.ENOSPC
			}
			return len(p), nil
		}, []string{"INFO", "WARN  log lines dropped dropped=1", "INFO  2", "INFO  3"}, 1},
		{"short counts without an error", func(_ int, p []byte) (int, error) { return (len(p) + 1) / 2, nil },
			[]string{"INFO  1", "INFO  2", "INFO  3"}, 0},
		{"nothing, without an error", func(int, []byte) (int, error) { return 0, nil }, []string{""}, 3},
		{"would block, as if made non-blocking", func(call int, p []byte) (int, error) {
			if call%2 == 1 {
				return 1, syscall.EAGAIN
			}
			return len(p), nil
		}, []string{"INFO  1", "INFO  2", "INFO  3"}, 0},
		{"would block for ever", func(int, []byte) (int, error) { return 0, syscall.EAGAIN }, []string{""}, 1},
		{"counts that cannot be", func(call int, p []byte) (int, error) {
			if call == 1 {
				return -5, broken
			}
			return len(p) + 9, nil
		}, []string{""}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &faulty{do: tt.do}
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
				if got := l.Counts().Dropped; got < tt.lost {
					t.Errorf("%d dropped, want %d", got, tt.lost)
				}
			})
		})
	}
}

// TestFloodIsSuppressedAndCounted: of many lines of a kind a few are written, and
// the counts in the log add up.
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
		time.Sleep(3 * quiet) // before the end, which reports what is left
		synctest.Wait()
		got := lines(out.String())[40:]
		l.Close(time.Second)
		want := []string{
			"WARN  listener pauses url=tcp://:7 suppressed=10",
			`WARN  log lines suppressed message="listener pauses" subject=tcp://:8 suppressed=10`,
			`WARN  log lines suppressed message="listener pauses" subject=tcp://:7 suppressed=1`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after the bursts (-want +got)\n%s", diff)
		}
		if got, want := l.Counts(), (Counts{Written: 43, Suppressed: 21}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestCountIsNotLostWithItsLine: a line that carries a count may be dropped; the
// count is reported by another.
func TestCountIsNotLostWithItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newGate()
		l := Open(Config{Out: out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Second}})
		log := l.Logger()
		for range 5 {
			log.Info("kind") // one is written, and four suppressed
		}
		synctest.Wait()
		for range 2 * maxLines {
			l.Write([]byte("other\n"))
		}
		time.Sleep(time.Second)
		log.Info("kind") // it would report them, and is dropped
		close(out.opened)
		l.Close(time.Minute)
		got := lines(out.got.String())
		want := []string{"other", fmt.Sprintf("WARN  log lines dropped dropped=%d", maxLines+1), "INFO  log lines suppressed message=kind suppressed=4"}
		if diff := cmp.Diff(want, got[len(got)-3:]); diff != "" {
			t.Errorf("the end of the log (-want +got)\n%s", diff)
		}
	})
}

func TestSummaryOfOneLineComesAfterTheQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
		l.Logger().Info("acted")
		synctest.Wait() // it is written, and nobody waits for the quiet yet
		l.Logger().Info("acted")
		time.Sleep(2 * quiet)
		synctest.Wait()
		got := lines(out.String())
		l.Close(time.Second)
		want := []string{"INFO  acted", "INFO  log lines suppressed message=acted suppressed=1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got)\n%s", diff)
		}
	})
}

// A peer could choose what is in a group.
func TestOnlyAnAttributeOutsideOfGroupsIsASubject(t *testing.T) {
	tests := []struct {
		name string
		from func(slog.Handler) slog.Handler
		want int // lines of three subjects
	}{
		{"no group", func(h slog.Handler) slog.Handler { return h }, 3},
		{"a group", func(h slog.Handler) slog.Handler { return h.WithGroup("peer") }, 1},
		{"a group in a group", func(h slog.Handler) slog.Handler { return h.WithGroup("peer").WithGroup("tls") }, 1},
		{"a group without a name, which is none", func(h slog.Handler) slog.Handler { return h.WithGroup("") }, 3},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
		log := slog.New(tt.from(l.Logger().Handler()))
		for i := range 3 {
			log.Info("came", slog.Int("url", i))
		}
		l.Close(patience)
		if got := strings.Count(out.String(), "INFO  came"); got != tt.want {
			t.Errorf("%s: got %d lines, want %d:\n%s", tt.name, got, tt.want, out.String())
		}
	}
}

func TestSummaryOfSuppressedLinesComesAtTheEnd(t *testing.T) {
	var out bytes.Buffer
	l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 1, Every: time.Hour}})
	for range 3 {
		l.Logger().Info("acted", slog.String("client", "192.0.2.7:1"))
	}
	l.Close(patience)
	want := []string{"INFO  acted client=192.0.2.7:1", "INFO  log lines suppressed message=acted suppressed=2"}
	if diff := cmp.Diff(want, lines(out.String())); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
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
		l.Close(patience)
		got := lines(out.String())
		if len(got) != 3 {
			t.Fatalf("json %v: %d lines, want 3", asJSON, len(got))
		}
		for _, line := range got {
			if len(line) >= MaxLine {
				t.Errorf("json %v: a line of %d bytes, want less than %d", asJSON, len(line), MaxLine)
			}
		}
		var parsed struct {
			Level string
			Msg   string
			Cut   int `json:"cut_bytes"`
		}
		if !asJSON {
			if !strings.HasSuffix(got[0], "ä [cut]") || !strings.HasSuffix(got[2], "ä [cut]") {
				t.Errorf("the long lines end in %q and %q, want them marked", got[0][len(got[0])-9:], got[2][len(got[2])-9:])
			}
		} else if err := json.Unmarshal([]byte(got[0]), &parsed); err != nil || parsed.Level != "ERROR" || parsed.Msg != "certificate not reloaded" || parsed.Cut <= MaxLine {
			t.Errorf("got %q, %v; want JSON that says what was cut", got[0], err)
		}
	}
}

func TestLineOfTheGreatestLengthIsWhole(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { // where the time has always the same length
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
				t.Errorf("json %t: the longest line has %d bytes and ends in %q, want all %d", asJSON, n, line[n-20:], MaxLine)
			}
			if n, line := lengthOf(fits + 1); n > MaxLine || !strings.Contains(line, "cut") {
				t.Errorf("json %t: a line of one byte more has %d bytes and ends in %q, want it cut", asJSON, n, line[n-20:])
			}
		})
	}
}

func TestLineThatIsNotTextIsCut(t *testing.T) {
	got := cut(bytes.Repeat([]byte{0x80}, MaxLine+1)) // no rune begins anywhere
	if string(got) != cutMark {
		t.Errorf("got %d bytes, want the mark alone", len(got))
	}
}

func TestLineWriterMakesOneKindOfAllTexts(t *testing.T) {
	var out bytes.Buffer
	l := Open(Config{Out: &out, Timeless: true, Limit: Limit{Burst: 2, Every: time.Hour}})
	w := LineWriter(l.Logger(), slog.LevelInfo, "admin http")
	for i := range 9 {
		fmt.Fprintf(w, "http: a stranger said %d\n", i)
	}
	l.Close(patience)
	want := []string{`INFO  admin http text="http: a stranger said 0"`, `INFO  admin http text="http: a stranger said 1"`,
		`INFO  log lines suppressed message="admin http" suppressed=7`}
	if diff := cmp.Diff(want, lines(out.String())); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
	}
}
