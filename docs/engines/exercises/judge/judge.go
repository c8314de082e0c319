//go:build linux

// Package judge tests the servers of the exercises, each in a process of its own: a server
// that never returns, spins or crashes must not do so in the process of its test.
package judge

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

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
// hands over the files in addition to standard input, output and error. A server that ends
// before the test fails it.
func Start(t *testing.T, files ...*os.File) *Server {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	cmd.Stderr = &stderr
	cmd.ExtraFiles = files
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if err := cmd.Wait(); err.Error() != "signal: killed" {
			t.Errorf("the server has ended before the test: %v\n%s", err, &stderr)
		}
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server prints no address: %v", err)
	}
	return &Server{Addr: strings.TrimSpace(addr), cmd: cmd}
}

// Check runs rules of echod check, each as a subtest.
func (s *Server) Check(t *testing.T, rules ...string) {
	t.Helper()
	target, err := check.ParseTarget("tcp://" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	checktest.RunTarget(t, target, checktest.Only(rules...))
}
