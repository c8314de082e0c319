//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/check"
	"echod/echotest"
	"echod/internal/cli"
)

// TestMain runs a server instead of the tests if the environment says which one: a
// server that never returns needs a process of its own. "echod" is the command line of echod.
func TestMain(m *testing.M) {
	switch name := os.Getenv("ECHOD_NAIVE"); name {
	case "":
	case "echod":
		os.Exit(cli.Main())
	default:
		fmt.Fprintln(os.Stderr, run([]string{name, "0"}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// start runs a server in a process of its own and returns its address.
func start(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ECHOD_NAIVE="+name)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	addr, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// answers reports whether a byte that is sent comes back. It waits 10 s at most.
func answers(t *testing.T, c net.Conn) bool {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}

// verdict returns what check says of the server at addr by one rule.
func verdict(t *testing.T, addr, rule string) check.Verdict {
	t.Helper()
	target, err := check.ParseTarget("tcp://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Run(context.Background(), target, check.Options{Rules: []string{rule}})
	if err != nil {
		t.Fatal(err)
	}
	return report.Verdict()
}

func TestServersEchoAndAnswerAHalfClose(t *testing.T) {
	for _, name := range []string{"one", "goroutines", "select"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := verdict(t, start(t, name), "stream/half-close"); got != check.Pass {
				t.Errorf("got %v, want %v", got, check.Pass)
			}
		})
	}
}

func TestOnePeerKeepsTheOthersWaiting(t *testing.T) {
	t.Parallel()
	addr := start(t, "one")
	first, second := dial(t, addr), dial(t, addr)
	if _, err := second.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the server has waited once in between
		if !answers(t, first) {
			t.Fatal("the first peer has no answer")
		}
	}
	second.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, _ := second.Read(make([]byte, 1)); n != 0 {
		t.Error("the second peer has an answer while the first one is connected")
	}
	first.Close()
	second.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := second.Read(make([]byte, 1)); n != 1 {
		t.Errorf("the second peer has no answer after the first one has gone: %v", err)
	}
}

// TestStalledReaderBlocksEverybody: while write(2) waits for a peer that does not
// read, nobody calls select.
func TestStalledReaderBlocksEverybody(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]check.Verdict{"select": check.Fail, "goroutines": check.Pass} {
		if got := verdict(t, start(t, name), "stream/concurrency"); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// needDescriptors skips the test if a process may not have n descriptors.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < n {
		if os.Getenv("ECHOD_REQUIRE") != "" {
			t.Fatalf("ulimit -n %d, %v; want %d descriptors in each process", limit.Max, err, n)
		}
		t.Skipf("needs %d descriptors in each process: ulimit -n %d, %v", n, limit.Max, err)
	}
}

// TestPeerBeyondTheSetHangs opens more connections than the set has bits. The set has
// no bit for the last ones, so nobody looks at them, and nobody refuses them.
func TestPeerBeyondTheSetHangs(t *testing.T) {
	t.Parallel()
	const clients = unix.FD_SETSIZE + 8
	needDescriptors(t, 2*clients)
	addr := start(t, "select")
	first := dial(t, addr)
	var last net.Conn
	for range clients {
		last = dial(t, addr)
	}
	if _, err := last.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for range clients { // in each turn the server accepts one connection
		if !answers(t, first) {
			t.Fatal("the first peer has no answer")
		}
	}
	last.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, err := last.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); n != 0 || !ok || !timeout.Timeout() {
		t.Errorf("got %d bytes and %v, want silence", n, err)
	}
}

// TestUrgentByteIsLost: without SO_OOBINLINE an urgent byte is not part of the stream.
func TestUrgentByteIsLost(t *testing.T) {
	t.Parallel()
	servers := map[string]string{echotest.NewServer(t).Addr(): "abc"}
	for _, name := range []string{"one", "select"} {
		servers[start(t, name)] = "ac"
	}
	// io.Copy uses splice(2), which returns 0 at the urgent byte, as at the end of the stream. The
	// connection is closed with unread bytes: a reset, which may overtake the "a".
	servers[start(t, "goroutines")] = "reset"
	for addr, want := range servers {
		c := dial(t, addr)
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("a"))
		raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), []byte("b"), unix.MSG_OOB, nil) })
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("c"))
		c.CloseWrite()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		received, err := io.ReadAll(c)
		got := string(received)
		if isReset(err) {
			got = "reset"
		}
		if got != want {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
}
