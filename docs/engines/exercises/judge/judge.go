//go:build linux

// Package judge tests the servers of the exercises, each in a process of its own: a server
// that never returns, spins or crashes must not do so in the process of its test.
package judge

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/check"
	"echod/check/checktest"
)

// serverVariable is set in the environment of a process that runs the server.
const serverVariable = "EXERCISE_SERVER"

// Main is for TestMain. In the process that Start makes, it calls the main function of the
// server, else it runs the tests.
func Main(m *testing.M, main func()) {
	if os.Getenv(serverVariable) != "" {
		os.Args = []string{os.Args[0], "0"}
		main()
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Server is a server under test.
type Server struct {
	Addr string // host:port
	cmd  *exec.Cmd
}

// Start runs the server of the exercise in another process, until the end of the test. It
// hands over the files in addition to standard input, output and error.
func Start(t *testing.T, files ...*os.File) *Server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	cmd.ExtraFiles = files
	return StartCommand(t, cmd)
}

// StartCommand runs a server until the end of the test. A server that ends before fails the
// test.
func StartCommand(t *testing.T, cmd *exec.Cmd) *Server {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if err := cmd.Wait(); fmt.Sprint(err) != "signal: killed" {
			t.Errorf("the server has ended before the test: %v\n%s", err, firstLines(stderr.String(), 12))
		}
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server prints no address: %v", err)
	}
	return &Server{Addr: strings.TrimSpace(addr), cmd: cmd}
}

// firstLines returns the first n lines of text: a panic of Go prints many.
func firstLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:min(n, len(lines))], "")
}

// Check runs rules of echod check, each as a subtest.
func (s *Server) Check(t *testing.T, rules ...string) {
	t.Helper()
	s.run(t, checktest.Only(rules...))
}

// CheckAll runs all rules of echod check for streams, but with a long timeout and without
// stream/close-latency, which measures a time: a busy machine must not fail a server.
func (s *Server) CheckAll(t *testing.T) {
	t.Helper()
	longTimeout := func(o *check.Options) { o.Timeout = 20 * time.Second }
	s.run(t, checktest.Only("stream/*"), checktest.Skip("stream/close-latency"), longTimeout)
}

func (s *Server) run(t *testing.T, options ...checktest.Option) {
	t.Helper()
	target, err := check.ParseTarget("tcp://" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	short := func(o *check.Options) { o.Bulk, o.Stall = 4<<20, 2*time.Second }
	checktest.RunTarget(t, target, append(options, short)...)
}

// Dial connects to the server until the end of the test.
func (s *Server) Dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// UseUpDescriptors limits the server to n descriptors, and connects more clients than it has
// descriptors for. It returns these clients when all descriptors are in use, or after some
// seconds if the server accepts fewer than it could.
func (s *Server) UseUpDescriptors(t *testing.T, n int) []*net.TCPConn {
	t.Helper()
	pid := s.cmd.Process.Pid
	limit := &unix.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, limit, nil); err != nil {
		t.Fatal(os.NewSyscallError("prlimit", err))
	}
	var clients []*net.TCPConn
	for range n + 8 {
		clients = append(clients, s.Dial(t))
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		if len(open) >= n {
			break
		}
	}
	return clients
}
