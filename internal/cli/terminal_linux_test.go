package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/echotest"
)

// openTerminal returns a terminal, and the file from which its output is read (pts(4)).
func openTerminal(t *testing.T, columns uint16) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, screen
}

// onTerminal runs args with a terminal as standard error, or as standard output if out is
// set. It returns what the terminal shows.
func onTerminal(t *testing.T, columns uint16, out bool, want Code, args ...string) string {
	t.Helper()
	terminal, screen := openTerminal(t, columns)
	all := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(screen) // EIO when the terminal is closed
		all <- text
	}()
	var other bytes.Buffer
	p := Process{Args: args, Stdout: &other, Stderr: terminal, Getenv: func(string) string { return "" }}
	if out {
		p.Stdout, p.Stderr = terminal, &other
	}
	code := Run(t.Context(), p)
	terminal.Close()
	text := <-all
	if code != want {
		t.Errorf("%v: got code %d, want %d; the other output:\n%s", args, code, want, other.String())
	}
	if strings.Contains(other.String(), "\r") {
		t.Errorf("%v: standard output has some of the progress:\n%q", args, other.String())
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

var upwards = regexp.MustCompile(`\r\x1b\[[0-9]+A`)

// states returns what the status on a terminal was, one after the other; "" where it was
// cleared.
func states(text string) []string {
	states := upwards.Split(strings.ReplaceAll(text, "\x1b[K", ""), -1)
	for i, state := range states {
		states[i] = strings.TrimRight(state, "\n")
	}
	if last := len(states) - 1; states[last] == "" { // from there on, nothing was written
		states = states[:last]
	}
	return states
}

// wide is wider than every line.
const wide = 200

func TestProgressOfSelftestCountsAllResults(t *testing.T) {
	lines := states(onTerminal(t, wide, false, OK, "selftest", "--rule", "stream/first-byte", "--rule", "datagram/exact"))
	past, of := 0, 0
	if _, err := fmt.Sscanf(lines[len(lines)-2], "%d of %d by selftest", &past, &of); err != nil || past != of || past < 3 {
		t.Errorf("got %q in the end (%v), want all of at least 3", lines[len(lines)-2], err)
	}
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("got %q left on the screen, want nothing", last)
	}
}

func TestProgressIsOnlyForTerminals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var stdout, stderr bytes.Buffer
	for _, w := range []io.Writer{file, &stderr} {
		Run(t.Context(), Process{
			Args:   []string{"check", "--rule", "stream/first-byte", echotest.NewServer(t).URL()},
			Stdout: &stdout, Stderr: w, Getenv: func(string) string { return "" },
		})
	}
	text, err := os.ReadFile(file.Name())
	if err != nil || len(text) > 0 || stderr.Len() > 0 {
		t.Errorf("got %q and %q (%v), want nothing", text, stderr.String(), err)
	}
}

func TestProgressOfBenchIsCutToTheWidthOfTheTerminal(t *testing.T) {
	url := echotest.NewServer(t).URL()
	for _, state := range states(onTerminal(t, 20, false, OK, "bench", "-c", "1", "-n", "10", url)) {
		for line := range strings.Lines(state) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 19 {
				t.Errorf("got a line of %d columns, want 19: %q", n, line)
			}
		}
	}
}

// TestStripsOfPingStayOnTheScreen: a line for each target, which is written again, and above it
// the events that cells do not show.
func TestStripsOfPingStayOnTheScreen(t *testing.T) {
	url := echotest.NewServer(t).URL()
	text := onTerminal(t, 80, true, Unknown, "ping", "--strip", "-c", "5", "-i", "20ms", "-W", "30s", url, "unix:///nobody")
	strips, summary, _ := strings.Cut(text, "\n\n"+url+"\n5 sent, 5 received")
	all := states(strings.ReplaceAll(strips, "\x1b[33m|\x1b[0m", "")) // a busy machine may pause
	if !strings.Contains(strips, "no connection: refused: ") || summary == "" {
		t.Errorf("got no line of the connection, or no summary:\n%q", text)
	}
	if strings.Contains(text, "seq=") {
		t.Errorf("got lines of replies:\n%q", text)
	}
	last := strings.Split(all[len(all)-1], "\n")
	first, second := last[len(last)-2], last[len(last)-1]
	if !regexp.MustCompile(`^tcp://\S+ +[\d.]+ .?s +0 %  [▁▂▃▄▅▆▇█]{5}$`).MatchString(first) {
		t.Errorf("got the strip %q, want five bars", first)
	}
	if want := regexp.MustCompile(`^unix:///nobody +lost +100 %  (\x1b\[31mX\x1b\[0m){5}$`); !want.MatchString(second) {
		t.Errorf("got the strip %q, want five X in red", second)
	}
}

func TestColoursTakeNoColumns(t *testing.T) {
	const text = "ab\x1b[31mcd\x1b[0mef\x1b[33mg\x1b[0m"
	for n, want := range map[int]string{
		8: text, 7: text, 5: "ab\x1b[31mcd\x1b[0me\x1b[33m\x1b[0m", 3: "ab\x1b[31mc\x1b[0m\x1b[33m\x1b[0m", 0: "\x1b[31m\x1b[0m\x1b[33m\x1b[0m",
	} {
		if got := cut(text, n); got != want || width(got) != min(n, 7) {
			t.Errorf("%d: got %q of width %d, want %q", n, got, width(got), want)
		}
	}
}

func TestWhatIsWrittenAsideIsAboveTheStatus(t *testing.T) {
	var screen bytes.Buffer
	s := &status{w: &screen, size: func() windowSize { return windowSize{20, 10} }}
	s.write("\x1b[31m" + strings.Repeat("X", 19) + "\x1b[0m") // one row, although it has 28 characters
	screen.Reset()
	s.aside(func() { screen.WriteString("news\n") })
	want := "\r\x1b[1A\x1b[K\n\r\x1b[1A" + "news\n" + "\x1b[31m" + strings.Repeat("X", 19) + "\x1b[0m\x1b[K\n"
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

func TestHelpFoldsAtTheWidthOfTheTerminal(t *testing.T) {
	for columns, want := range map[uint16]string{
		40:  "\nechod ping sends probes to an echo\nservice and shows how long each reply\ntakes, which probes are lost, and when\nthe connection breaks.\n\n",
		80:  "\nechod ping sends probes to an echo service and shows how long each reply takes,\nwhich probes are lost, and when the connection breaks.\n\n",
		200: "\nechod ping sends probes to an echo service and shows how long each reply takes, which probes are lost, and when the connection breaks.\n\n",
	} {
		text := "\n" + onTerminal(t, columns, true, OK, "ping", "--help")
		if !strings.HasPrefix(text, want) {
			t.Errorf("%d columns: got\n%s\nwant%s", columns, text[:min(len(text), 300)], want)
		}
		if !strings.Contains(text, "\n    $ echod ping -i 0.2 -s 1400 udp://127.0.0.1:7007\n") {
			t.Errorf("%d columns: an example is folded", columns)
		}
	}
}

func TestHintFoldsAtTheWidthOfTheTerminal(t *testing.T) {
	text := onTerminal(t, 40, false, Unknown, "check", "unix:///nobody")
	const want = "echod: hint: no server listens on that\n  socket; list the sockets with: ss -lx\n"
	if !strings.HasSuffix(text, want) {
		t.Errorf("got\n%swant\n%s", text, want)
	}
}

func TestRulesFoldAtTheWidthOfTheTerminal(t *testing.T) {
	for line := range strings.Lines(onTerminal(t, 60, true, OK, "check", "--list")) {
		if n := utf8.RuneCountInString(line) - 1; n > 60 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
}
