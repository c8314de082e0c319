package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// fakeTerminal is a terminal that wraps long lines, also those that were there when it became narrower.
// It knows what a status writes (console_codes(4)), and keeps the rows that have left the
// top.
type fakeTerminal struct {
	t       *testing.T
	columns int
	rows    []string
	at      int // the row of the cursor, which is in column 0; len(rows) if it is below all
}

// write interprets text, which ends in column 0.
func (v *fakeTerminal) write(text string) {
	for text != "" {
		var rows int
		if after, found := strings.CutPrefix(text, "\r\x1b["); found {
			number, rest, _ := strings.Cut(after, "A")
			if n, err := fmt.Sscan(number, &rows); n != 1 || rows > v.at {
				v.t.Fatalf("got %q (%v) in row %d", text, err, v.at)
			}
			v.at, text = v.at-rows, rest
			continue
		}
		line, rest, found := strings.Cut(text, "\n")
		line, erased := strings.CutSuffix(line, "\x1b[K")
		if !found || strings.ContainsAny(line, "\r\x1b") {
			v.t.Fatalf("got %q, want lines", text)
		}
		for _, row := range wrapped(line, v.columns) {
			if v.at == len(v.rows) {
				v.rows = append(v.rows, "")
			}
			if !erased {
				row += strings.TrimPrefix(v.rows[v.at], row)
			}
			v.rows[v.at] = row
			v.at++
		}
		text = rest
	}
}

// shown returns the rows with something in them.
func (v *fakeTerminal) shown() []string {
	return slices.DeleteFunc(slices.Clone(v.rows), func(row string) bool { return row == "" })
}

func (v *fakeTerminal) resize(columns int) {
	var rows []string
	at := 0
	for i, row := range v.rows {
		if i == v.at {
			at = len(rows)
		}
		rows = append(rows, wrapped(row, columns)...)
	}
	if v.at == len(v.rows) {
		at = len(rows)
	}
	v.columns, v.rows, v.at = columns, rows, at
}

func wrapped(line string, columns int) (rows []string) {
	runes := []rune(line)
	for ; len(runes) > columns; runes = runes[columns:] {
		rows = append(rows, string(runes[:columns]))
	}
	return append(rows, string(runes))
}

// screens are what bench shows of a run in which the service fails in the third second.
func screens() []load.Progress {
	all := []load.Progress{{Warmup: true}}
	total := load.Outcomes{Failed: load.Classes{}}
	for i, second := range []struct {
		answered int64
		latency  time.Duration
	}{{1000, 2 * time.Millisecond}, {900, 3 * time.Millisecond}, {0, 0}, {500, 250 * time.Millisecond}} {
		in := load.Interval{At: float64(i), Seconds: 1, Due: 1000, Answered: second.answered, Conns: 50, Latency: hist.New()}
		if second.answered > 0 {
			in.Latency.Record(second.latency)
		}
		total.Due += 1000
		total.Answered += second.answered
		total.Failed = load.Classes{dial.Timeout: total.Due - total.Answered - 4}
		if i > 1 {
			total.Failed[dial.Refused] = 3
		}
		all = append(all, load.Progress{At: time.Duration(i+1) * time.Second, Of: time.Minute, Interval: in, Total: total})
	}
	return append(all, load.Progress{At: 4 * time.Second, Of: time.Minute, Draining: true, Total: total})
}

// onFakeTerminal shows screens on a terminal of that size. Before each, change may change the terminal.
func onFakeTerminal(t *testing.T, columns, rows int, change func(i int, v *fakeTerminal, resize func(columns int))) *fakeTerminal {
	t.Helper()
	terminal, _ := openTerminal(t, uint16(columns))
	v := &fakeTerminal{t: t, columns: columns}
	resize := func(columns int) {
		if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)}); err != nil {
			t.Fatal(err)
		}
		v.resize(columns)
	}
	resize(columns)
	var written bytes.Buffer
	s := &status{w: &written, size: func() windowSize { return sizeOf(terminal) }}
	screen := report.NewScreen(load.Plan{URL: "tcp://echo.example:7", Timeout: 5 * time.Second})
	v.write("$ echod bench tcp://echo.example:7\n")
	s.show(screen.Lines)
	for i, now := range screens() {
		v.write(written.String())
		written.Reset()
		change(i, v, resize)
		screen.Add(now)
		s.show(screen.Lines)
	}
	v.write(written.String())
	written.Reset()
	change(len(screens()), v, resize)
	s.clear()
	v.write(written.String())
	if left := strings.Join(v.shown(), ""); left != "$ echod bench tcp://echo.example:7" || v.at != len(v.shown()) {
		t.Errorf("left on the screen: %q, and the cursor in row %d", left, v.at)
	}
	return v
}

func TestScreenOfBench(t *testing.T) {
	tests := []struct {
		name          string
		columns, rows int
		after         int // this many of the screens
		want          string
	}{
		{"before the first", 80, 24, 0, `
connecting  tcp://echo.example:7
`},
		{"first second", 80, 24, 2, `
1s of 1m  50 connections  tcp://echo.example:7
rate         1,000/s  highest     1,000/s  █
p50          2.00 ms  highest     2.00 ms  █
p90          2.00 ms  highest     2.00 ms  █
p99          2.00 ms  highest     2.00 ms  █
max          2.00 ms  highest     2.00 ms  █
due            1,000
answered       1,000
`},
		{"nothing comes back", 80, 24, 4, `
3s of 1m  50 connections  tcp://echo.example:7
rate             0/s  highest     1,000/s  ██ 
p50                –  highest     3.00 ms  ▆█ 
p90                –  highest     3.00 ms  ▆█ 
p99                –  highest     3.00 ms  ▆█ 
max                –  highest     3.00 ms  ▆█ 
due            3,000
answered       1,900
failed         1,099  timeout 1,096, refused 3
`},
		{"waiting at the end", 80, 24, 6, `
waiting up to 5s for 1 reply  tcp://echo.example:7
rate           500/s  highest     1,000/s  ██ ▄
p50           250 ms  highest      250 ms  ▁▁ █
p90           250 ms  highest      250 ms  ▁▁ █
p99           250 ms  highest      250 ms  ▁▁ █
max           250 ms  highest      250 ms  ▁▁ █
due            4,000
answered       2,400
failed         1,599  timeout 1,596, refused 3
`},
		{"narrow", 40, 24, 5, `
4s of 1m  50 connections  tcp://echo.ex
rate           500/s  ██ ▄
p50           250 ms  ▁▁ █
p90           250 ms  ▁▁ █
p99           250 ms  ▁▁ █
max           250 ms  ▁▁ █
due            4,000
answered       2,400
failed         1,599  timeout 1,596, re
`},
		{"low", 80, 5, 5, `
4s of 1m  50 connections  tcp://echo.example:7
rate           500/s  highest     1,000/s  ██ ▄
p50           250 ms  highest      250 ms  ▁▁ █
p90           250 ms  highest      250 ms  ▁▁ █
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got string
			onFakeTerminal(t, tt.columns, tt.rows, func(i int, v *fakeTerminal, _ func(int)) {
				if i == tt.after {
					got = "\n" + strings.Join(v.shown()[1:], "\n") + "\n"
				}
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("screen (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScreenSurvivesResizes: nothing of it is left, and what was there before stays.
func TestScreenSurvivesResizes(t *testing.T) {
	for _, widths := range [][]int{{80, 40, 80}, {200, 41, 20, 10}, {30, 200}, {80, 79, 78, 3, 2, 1}} {
		t.Run(fmt.Sprint(widths), func(t *testing.T) {
			t.Parallel()
			onFakeTerminal(t, widths[0], 24, func(i int, _ *fakeTerminal, resize func(int)) {
				if i < len(widths) {
					resize(widths[i])
				}
			})
		})
	}
}

func TestBenchLeavesNothingOfItsScreen(t *testing.T) {
	v := &fakeTerminal{t: t, columns: 80}
	v.write(onTerminal(t, 80, false, OK, "bench", "-c", "1", "-n", "10", echotest.NewServer(t).URL()))
	if len(v.shown()) > 0 || v.at != 0 {
		t.Errorf("left on the screen: %q, and the cursor in row %d", v.rows, v.at)
	}
}
