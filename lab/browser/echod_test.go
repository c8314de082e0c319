package browser

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// binary is the echod that was built for these tests.
var binary string

func buildEchod(dir string) error {
	binary = filepath.Join(dir, "echod")
	build := exec.Command("go", "build", "-o", binary, "./cmd/echod")
	build.Dir, build.Stdout, build.Stderr = "../..", os.Stderr, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return build.Run()
}

// echod is a running process.
type echod struct {
	t     *testing.T
	cmd   *exec.Cmd
	Admin string   // the URL of its page
	URLs  []string // of its listeners, in the order of the flags
	ended chan struct{}
}

// start starts echod and waits until it has that many listeners and its page.
func start(t *testing.T, listeners int, args ...string) *echod {
	t.Helper()
	e := &echod{t: t, cmd: exec.Command(binary, append(args, "--log-format", "json")...), ended: make(chan struct{})}
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := e.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.end)
	var said []string
	lines := bufio.NewScanner(stderr)
	for (e.Admin == "" || len(e.URLs) < listeners) && lines.Scan() {
		said = append(said, lines.Text())
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		switch line.Msg {
		case "listening":
			e.URLs = append(e.URLs, line.URL)
		case "admin listening":
			e.Admin = line.URL
		}
	}
	go func() {
		defer close(e.ended)
		io.Copy(io.Discard, stderr)
		e.cmd.Wait()
	}()
	if e.Admin == "" || len(e.URLs) < listeners {
		t.Fatalf("echod %s does not listen:\n%s", strings.Join(args, " "), strings.Join(said, "\n"))
	}
	return e
}

// drain starts a drain.
func (e *echod) drain() { e.cmd.Process.Signal(syscall.SIGTERM) }

// end kills it.
func (e *echod) end() {
	e.cmd.Process.Kill()
	<-e.ended
}

// address returns the part of a URL after the scheme.
func address(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return strings.TrimSuffix(rest, "/")
}

// dial connects to a listener of echod until the end of the test.
func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	network, _, _ := strings.Cut(url, "://")
	conn, err := net.Dial(network, address(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo sends size bytes and receives them again for each value of again. It closes over
// when it ends.
func echo(conn net.Conn, size int, again <-chan struct{}) (over chan struct{}) {
	over = make(chan struct{})
	go func() {
		defer close(over)
		message, back := make([]byte, size), make([]byte, size)
		for range again {
			if _, err := conn.Write(message); err != nil {
				return
			}
			if _, err := io.ReadFull(conn, back); err != nil {
				return
			}
		}
	}()
	return over
}
