package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/check"
	"echod/echotest"
)

// openTerminal is a terminal and what its screen is shown (pts(4)).
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
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

// shown runs args with a terminal for standard error, and is what it was shown.
func shown(t *testing.T, args ...string) string {
	t.Helper()
	terminal, screen := openTerminal(t)
	all := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(screen) // EIO when the terminal is closed
		all <- text
	}()
	var stdout bytes.Buffer
	code := Run(t.Context(), Process{
		Args: args, Stdout: &stdout, Stderr: terminal, Getenv: func(string) string { return "" },
	})
	terminal.Close()
	text := <-all
	if code != 0 {
		t.Errorf("%v: got code %d, want 0; standard output:\n%s", args, code, stdout.String())
	}
	if strings.Contains(stdout.String(), "\r") {
		t.Errorf("%v: standard output holds some of the progress:\n%q", args, stdout.String())
	}
	return string(text)
}

func TestProgressIsShownAndCleared(t *testing.T) {
	url, direct := echotest.NewServer(t).URL(), echotest.NewServer(t).URL()
	two := []string{"--parallel", "1", "--rule", "stream/first-byte", "--rule", "stream/fin-only"}
	steps := func(what string) []string {
		return []string{
			"0 of 2 " + what + ": stream/first-byte",
			"1 of 2 " + what,
			"1 of 2 " + what + ": stream/fin-only",
			"2 of 2 " + what,
			"",
		}
	}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"one way", []string{url}, steps("at " + url)},
		{"two ways", []string{"--direct", direct, url}, append(steps("through "+url), steps("directly at "+direct)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := shown(t, append(append([]string{"check"}, two...), tt.args...)...)
			if diff := cmp.Diff(append([]string{""}, tt.want...), strings.Split(text, clearLine)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgressOfSelftestCountsAllOfTheMatrix(t *testing.T) {
	lines := strings.Split(shown(t, "selftest", "--rule", "stream/first-byte", "--rule", "datagram/exact"), clearLine)
	past, of := 0, 0
	if _, err := fmt.Sscanf(lines[len(lines)-2], "%d of %d by selftest", &past, &of); err != nil || past != of || past < 3 {
		t.Errorf("got %q in the end (%v), want all of at least 3", lines[len(lines)-2], err)
	}
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("got %q left on the screen, want nothing", last)
	}
}

func TestProgressIsForTerminalsOnly(t *testing.T) {
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

func TestProgressKeepsToOneLine(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{statusLine: statusLine{&screen}, what: "at tcp://" + strings.Repeat("host.", 20) + "example:7"}
	p.show(check.Progress{Done: 12, Total: 23, Running: []string{"stream/bulk", "stream/idle", "stream/churn"}})
	want := clearLine + ("12 of 23 at tcp://" + strings.Repeat("host.", 20))[:defaultWidth-1]
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	screen.Reset()
	p.what = "at tcp://:7"
	p.show(check.Progress{Done: 12, Total: 23, Running: []string{"stream/bulk", "stream/idle", "stream/churn"}})
	if diff := cmp.Diff(clearLine+"12 of 23 at tcp://:7: stream/bulk and 2 more", screen.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}
