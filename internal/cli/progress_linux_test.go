package cli

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/echotest"
)

// took matches how long a rule took.
var took = regexp.MustCompile(` +[0-9.]+(s|ms|µs)\b`)

// padding matches spaces that fill the field of a verdict.
var padding = regexp.MustCompile(` +(?:\x1b\[K)?\n`)

func TestProgressIsShownAndCleared(t *testing.T) {
	url, direct := echotest.NewServer(t).URL(), echotest.NewServer(t).URL()
	three := []string{"--parallel", "1", "--rule", "stream/first-byte", "--rule", "stream/fin-only", "--rule", "stream/idle"}
	both := func(direct ...string) string {
		const head = "                   PATH   DIRECT\n"
		return head + "stream/first-byte  pass   " + direct[0] + "\nstream/fin-only    pass   " + direct[1] + "\nskipped (1): needs --long: stream/idle\n"
	}
	steps := func(way, url string) []string {
		what := way + " " + url
		return []string{
			"connecting to " + url,
			"0 of 3 " + what + ": stream/first-byte",
			"stream/first-byte  pass\n1 of 3 " + what,
			"stream/first-byte  pass\n1 of 3 " + what + ": stream/fin-only",
			"stream/first-byte  pass\nstream/fin-only    pass\n2 of 3 " + what,
			"stream/first-byte  pass\nstream/fin-only    pass\n2 of 3 " + what + ": stream/idle",
			"stream/first-byte  pass\nstream/fin-only    pass\nskipped (1): needs --long: stream/idle\n3 of 3 " + what,
			"",
		}
	}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"one way", []string{url}, steps("at", url)},
		{"two ways", []string{"--direct", direct, url}, slices.Concat(
			[]string{"connecting to " + url, "connecting to " + direct, ""}, steps("through", url), []string{
				"connecting to " + direct,
				both("-", "-") + "0 of 3 directly at " + direct + ": stream/first-byte",
				both("pass", "-") + "1 of 3 directly at " + direct,
				both("pass", "-") + "1 of 3 directly at " + direct + ": stream/fin-only",
				both("pass", "pass") + "2 of 3 directly at " + direct,
				both("pass", "pass") + "2 of 3 directly at " + direct + ": stream/idle",
				both("pass", "pass") + "3 of 3 directly at " + direct,
				"",
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := colors.ReplaceAllString(onTerminal(t, wide, false, OK, append(append([]string{"check"}, three...), tt.args...)...), "")
			got := states(padding.ReplaceAllString(took.ReplaceAllString(text, ""), "\n"))
			got = slices.Compact(got) // a second may have passed
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailureIsRightAboveTheProgress(t *testing.T) {
	url := echotest.NewBroken(t, echotest.ClosesOnFIN()).URL()
	args := []string{"check", "--parallel", "1", "--rule", "stream/half-close", "--rule", "stream/fin-only", url}
	lines := states(onTerminal(t, wide, false, Failed, args...))
	i := slices.IndexFunc(lines, func(state string) bool {
		return strings.Contains(state, "stream/half-close") && strings.Contains(state, "fail")
	})
	if i < 0 {
		t.Fatalf("got no row for the failure:\n%q", lines)
	}
	for _, state := range lines[i : len(lines)-1] {
		rows := strings.Split(state, "\n")
		if n := len(rows); n < 2 || !strings.Contains(rows[n-2], "\x1b[31mfail") || !strings.Contains(rows[n-1], " of 2 at "+url) {
			t.Errorf("got %q, want the failure and then the progress", state)
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("got %q left on the screen, want nothing", last)
	}
}

// endsLate echoes on the connections of l, and ends none until released is closed.
func endsLate(l net.Listener, released <-chan struct{}) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
			<-released
		}()
	}
}

// TestCheckFitsTheTerminal runs checks on terminals that have the progress and the report: one with
// a failure and rules that are skipped, and one with a rule that takes until its seconds are shown.
func TestCheckFitsTheTerminal(t *testing.T) {
	t.Parallel()
	broken := echotest.NewBroken(t, echotest.ClosesOnFIN()).URL()
	for _, columns := range []uint16{40, 60, 80} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			slow, released := "tcp://"+l.Addr().String(), make(chan struct{})
			go endsLate(l, released)
			for _, tt := range []struct {
				args []string
				code Code
				want []string
			}{
				{[]string{"--rule", "stream/half-close", "--rule", "stream/rst-*", "--rule", "stream/first-byte", broken}, Failed, []string{
					"stream/first-byte pass", "stream/half-close fail", "skipped (3): needs --agent: 3 rules", "repeat echod check --rule stream/half-close", "not honest: 1 of 5 rules failed",
				}},
				{[]string{"--timeout", "1m", "--rule", "stream/fin-only", slow}, OK, []string{": stream/fin-only, 1s", "stream/fin-only pass", "honest: 1 rule passed"}},
			} {
				text := colors.ReplaceAllString(bothOnTerminal(t, columns, tt.code, ": stream/fin-only, 1s", released, append([]string{"check"}, tt.args...)...), "")
				for line := range strings.Lines(strings.Join(states(text), "\n")) {
					if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > int(columns) {
						t.Errorf("a line of %d columns: %s", n, line)
					}
				}
				words := strings.Join(strings.Fields(strings.NewReplacer("\x1b[K", "", " \\\n", "\n").Replace(text)), " ")
				for _, want := range tt.want {
					if !strings.Contains(words, want) {
						t.Errorf("the terminal never shows %q:\n%s", want, text)
					}
				}
			}
		})
	}
}

// bothOnTerminal runs args with a terminal for both outputs, and returns what it shows. It closes
// seen when the terminal has shown words.
func bothOnTerminal(t *testing.T, columns uint16, want Code, words string, seen chan<- struct{}, args ...string) string {
	t.Helper()
	terminal, screen := openTerminal(t, columns)
	all := make(chan string)
	go func() {
		var text strings.Builder
		buffer := make([]byte, 4096)
		shown := false
		for {
			n, err := screen.Read(buffer)
			text.Write(buffer[:n])
			if !shown && strings.Contains(text.String(), words) {
				shown = true
				close(seen)
			}
			if err != nil { // EIO when the terminal is closed
				all <- strings.ReplaceAll(text.String(), "\r\n", "\n")
				return
			}
		}
	}()
	code := Run(t.Context(), Process{Args: args, Stdout: terminal, Stderr: terminal, Getenv: func(string) string { return "" }})
	terminal.Close()
	text := <-all
	if code != want {
		t.Errorf("%v: got code %d, want %d:\n%s", args, code, want, text)
	}
	return text
}

// TestProgressSaysHowLongARuleTakes: nothing else changes on the screen meanwhile.
func TestProgressSaysHowLongARuleTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		p := &progress{status: &status{w: &screen, size: func() windowSize { return defaultSize }}, what: "at tcp://:7", started: map[string]time.Time{}}
		stop := p.everySecond()
		p.show(check.Progress{Total: 2, Running: []string{"stream/idle"}})
		time.Sleep(2*time.Second + time.Millisecond)
		p.show(check.Progress{Done: 1, Total: 2, Running: []string{"stream/bulk"}})
		time.Sleep(time.Second)
		stop()
		time.Sleep(time.Hour)
		want := []string{"0 of 2 at tcp://:7: stream/idle", "0 of 2 at tcp://:7: stream/idle, 1s", "0 of 2 at tcp://:7: stream/idle, 2s", "1 of 2 at tcp://:7: stream/bulk", "1 of 2 at tcp://:7: stream/bulk"}
		if diff := cmp.Diff(want, states(screen.String())); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestRowsThatDoNotFitOnTheScreenAreThoseThatPassed(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{status: &status{w: &screen, size: func() windowSize { return windowSize{60, 5} }}, what: "at tcp://:7"}
	for i, v := range []check.Verdict{check.Fail, check.Pass, check.Pass, check.Pass} {
		screen.Reset()
		p.showResult(check.Progress{Done: i + 1, Total: 9, Result: &check.Result{Rule: fmt.Sprint("stream/", i), Verdict: v, Class: check.Reset, Offset: -1}})
	}
	all := states(screen.String())
	got := strings.Split(took.ReplaceAllString(all[len(all)-1], ""), "\n")
	if want := []string{"stream/2  pass", "stream/3  pass", "stream/0  fail  reset", "4 of 9 at tcp://:7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	screen.Reset()
	p.path = &check.Report{}
	p.show(check.Progress{Done: 4, Total: 9})
	all = states(screen.String())
	got = strings.Split(all[len(all)-1], "\n")
	if want := []string{"          PATH   DIRECT", "stream/3  -      pass", "stream/0  -      fail", "4 of 9 at tcp://:7"}; !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressIsOneLine(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{status: &status{w: &screen, size: func() windowSize { return defaultSize }}, what: "at tcp://" + strings.Repeat("host.", 20) + "example:7", started: map[string]time.Time{}}
	p.show(check.Progress{Done: 12, Total: 23, Running: []string{"stream/bulk", "stream/idle", "stream/churn"}})
	const want = "12 of 23: stream/bulk and 2 more\x1b[K\n" // there is no room for the URL
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	screen.Reset()
	p.what = "at tcp://:7"
	p.show(check.Progress{Done: 12, Total: 23, Running: []string{"stream/bulk", "stream/idle", "stream/churn"}})
	if diff := cmp.Diff("\r\x1b[1A12 of 23 at tcp://:7: stream/bulk and 2 more\x1b[K\n", screen.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}
