//go:build linux

package main

import (
	"bufio"
	"errors"
	"io"
	"math/bits"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sequence"
	"echod/internal/trace"
)

// TestChaptersShowTheLimitOfSelect connects more clients to echod serve --engine select than a set
// has bits. The chapter shows what the server does with the last one that has a bit, and with the
// first one that has none.
func TestChaptersShowTheLimitOfSelect(t *testing.T) {
	if bits.UintSize != 64 {
		t.Skip("the chapter shows the words of a set on a 64-bit machine")
	}
	const clients = unix.FD_SETSIZE
	needDescriptors(t, 2*clients)
	path := filepath.Join(t.TempDir(), "life.jsonl")
	addr, stop := startEchod(t, "--engine", "select", "--loops", "1", "--trace-file", path)
	var all []net.Conn // nil if it was reset before connect returned
	for range clients {
		c, err := net.Dial("tcp", addr)
		if isReset(err) {
			all = append(all, nil)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		all = append(all, c)
	}
	// The server accepts in the order of the clients, and the last one has no bit.
	if last := all[clients-1]; last != nil {
		if n, err := last.Read(make([]byte, 1)); n != 0 || !isReset(err) {
			t.Fatalf("the last client: got %d bytes and %v, want a reset", n, err)
		}
	}
	served := clients - 1
	for served > 0 && !saysHello(t, all[served-1]) {
		served--
	}
	if served == 0 || !saysHello(t, all[0]) {
		t.Fatalf("the server has left the clients that have a bit: %d of %d are served", served, clients)
	}
	for _, c := range all[:served] {
		c.Close()
	}
	log := stop()

	lives := readLives(t, path)
	if len(lives) != clients {
		t.Fatalf("got %d lives, want %d", len(lives), clients)
	}
	steps := append(untilSent(lives[served-1]), records(lives[served])...)
	for i := range steps {
		r := &steps[i]
		r.Held = withoutTimes(r.Held)
		if r.Op == trace.Accept {
			r.Args = first.ReplaceAllString(r.Args, "6")
		}
	}
	if got, want := steps[0].N, unix.FD_SETSIZE-1; got != want {
		t.Errorf("the last client that is served has descriptor %d, want %d", got, want)
	}
	warnings := regexp.MustCompile(`WARN .*`).FindAllString(log, -1)
	if len(warnings) != 1 {
		t.Fatalf("got the log\n%s\nwant one warning", log)
	}
	wantBlock(t, "4-select.md", "limit", strings.TrimSuffix(lines(steps), "```\n")+"\n"+warnings[0]+"\n```\n")
}

// startEchod runs echod serve in a process of its own. stop ends it and returns its log.
func startEchod(t *testing.T, flags ...string) (addr string, stop func() (log string)) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--listen", "tcp://127.0.0.1:0"}, flags...)...)
	cmd.Env = append(os.Environ(), "ECHOD_NAIVE=echod")
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	log := bufio.NewReader(output)
	begin, err := log.ReadString('\n')
	_, rest, found := strings.Cut(begin, "tcp://")
	if err != nil || !found {
		t.Fatalf("got %q and %v, want the URL of the listener", begin, err)
	}
	addr, _, _ = strings.Cut(rest, " ")
	return addr, func() string {
		cmd.Process.Signal(syscall.SIGTERM)
		rest, err := io.ReadAll(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("echod serve: %v\n%s", err, rest)
		}
		return string(rest)
	}
}

// saysHello reports whether hello comes back, and not a reset.
func saysHello(t *testing.T, c net.Conn) bool {
	t.Helper()
	if c == nil {
		return false
	}
	got := make([]byte, 5)
	_, err := c.Write([]byte("hello"))
	if err == nil {
		_, err = io.ReadFull(c, got)
	}
	if err != nil && !isReset(err) {
		t.Fatal(err)
	}
	return string(got) == "hello"
}

func isReset(err error) bool { return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) }

func readLives(t *testing.T, path string) []*sequence.Life {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := trace.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return sequence.Lives(f)
}

func records(l *sequence.Life) (steps []trace.Record) {
	for _, s := range l.Steps {
		steps = append(steps, s.Record)
	}
	return steps
}

// untilSent returns the steps of l up to the first send.
func untilSent(l *sequence.Life) []trace.Record {
	steps := records(l)
	at := slices.IndexFunc(steps, func(r trace.Record) bool { return r.Op == trace.Send })
	return steps[:at+1]
}
