package cli

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullSocket returns the path of a notify socket whose queue is full.
func fullSocket(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	for {
		if err := syscall.Sendto(fd, []byte("full"), 0, &syscall.SockaddrUnix{Name: path}); err == syscall.EAGAIN {
			return manager, path
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// dialWhenServed dials a unix socket as soon as a server listens on it.
func dialWhenServed(t *testing.T, path string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(2 * time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(testTimeout))
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatalf("no server listens on %s: %v", path, err)
		}
	}
}

// wantByte sends one byte, and fails the test unless it comes back.
func wantByte(t *testing.T, conn net.Conn) {
	t.Helper()
	got := make([]byte, 1)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 'x' {
		t.Fatalf("got %q, %v; want x", got, err)
	}
}

// wantExit fails the test unless echod exits with that code.
func wantExit(t *testing.T, cmd *exec.Cmd, want Code) {
	t.Helper()
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		if got := cmd.ProcessState.ExitCode(); got != int(want) {
			t.Errorf("exit code %d, want %d", got, want)
		}
	case <-time.After(testTimeout):
		cmd.Process.Kill()
		<-ended
		t.Fatal("echod is still running, want it to exit")
	}
}

// serveUnread serves three connections at a time while nothing reads the log, brings the
// listener to its limit, and ends echod with SIGTERM.
func serveUnread(t *testing.T, engine string, log io.Writer, env ...string) {
	path := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, log, nil, env, "--engine", engine, "--listen", "unix://"+path,
		"--max-conns", "3", "--log-level", "debug", "--drain-timeout", "1h")
	var conns []net.Conn
	for range 3 {
		conn := dialWhenServed(t, path)
		wantByte(t, conn)
		conns = append(conns, conn)
	}
	last := dialWhenServed(t, path) // the listener is at its limit, and logs that
	for range 20 {
		wantByte(t, conns[0])
	}
	wantEcho(t, conns[0])
	wantByte(t, last)
	wantEcho(t, conns[1])
	wantEcho(t, conns[2])
	wantEcho(t, dialWhenServed(t, path)) // it accepts again
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantEcho(t, last) // the drain lets it finish
	wantExit(t, cmd, OK)
}

// TestUnreadLogDoesNotBlockTheService: standard error is a full pipe.
func TestUnreadLogDoesNotBlockTheService(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			serveUnread(t, engine, fullPipe(t))
		})
	}
}

// TestLogOnAFullDiskDoesNotBlockTheService: every write to standard error fails.
func TestLogOnAFullDiskDoesNotBlockTheService(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) { serveUnread(t, engine, full) })
	}
}

// TestServiceManagerThatDoesNotReadDoesNotBlockTheService: the queue of NOTIFY_SOCKET is
// full, and the watchdog is on.
func TestServiceManagerThatDoesNotReadDoesNotBlockTheService(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			_, path := fullSocket(t)
			serveUnread(t, engine, io.Discard, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=100000")
		})
	}
}

// TestServiceManagerThatReadsLateReceivesEveryState: READY=1, then WATCHDOG=1, then
// STOPPING=1.
func TestServiceManagerThatReadsLateReceivesEveryState(t *testing.T) {
	manager, path := fullSocket(t)
	echo := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, io.Discard, nil, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=100000"}, "--listen", "unix://"+echo)
	wantEcho(t, dialWhenServed(t, echo))
	manager.SetReadDeadline(time.Now().Add(testTimeout))
	state := "full"
	for state == "full" {
		state = receiveState(t, manager, "")
	}
	if state != "READY=1" {
		t.Errorf("first: got %q, want READY=1", state)
	}
	receiveState(t, manager, "WATCHDOG=1")
	cmd.Process.Signal(syscall.SIGTERM)
	for state != "STOPPING=1" {
		if state = receiveState(t, manager, ""); state != "WATCHDOG=1" && state != "STOPPING=1" {
			t.Fatalf("got %q, want STOPPING=1", state)
		}
	}
	wantExit(t, cmd, OK)
}

// TestSecondSignalEndsTheDrainWhileNothingReadsTheLog: the service manager does not read,
// either.
func TestSecondSignalEndsTheDrainWhileNothingReadsTheLog(t *testing.T) {
	t.Parallel()
	_, manager := fullSocket(t)
	path := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, fullPipe(t), nil, []string{"NOTIFY_SOCKET=" + manager}, "--listen", "unix://"+path, "--drain-timeout", "1h")
	conn := dialWhenServed(t, path)
	wantByte(t, conn)
	cmd.Process.Signal(syscall.SIGTERM)
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("unix", path); err != nil {
			break // the drain has removed the socket
		} else {
			c.Close()
		}
		if time.Now().After(deadline) {
			t.Fatal("the listener is still open after SIGTERM")
		}
	}
	wantByte(t, conn)
	if err := signalUntilEnd(cmd.Process, syscall.SIGTERM, conn); err != nil {
		t.Fatal(err)
	}
	wantExit(t, cmd, OK)
}

// TestErrorThatNobodyReadsDoesNotBlockTheExit: the error goes through the log.
func TestErrorThatNobodyReadsDoesNotBlockTheExit(t *testing.T) {
	t.Parallel()
	cmd := startUnderManager(t, fullPipe(t), nil, nil, "--listen", "unix:///nowhere/at/all/s")
	wantExit(t, cmd, Failed)
}

// TestAgentAndWatchEndWhileTheirLogIsUnread: SIGTERM ends them while standard error is full.
func TestAgentAndWatchEndWhileTheirLogIsUnread(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"agent", "--listen", "tcp://127.0.0.1:0"},
		{"watch", "tcp://127.0.0.1:1", "--interval", "50ms", "--down-after", "1"},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			admin := filepath.Join(t.TempDir(), "admin")
			cmd := exec.Command(exe, append(args, "--admin", "unix://"+admin, "--log-level", "debug")...)
			cmd.Env = append(os.Environ(), asEchod+"=1")
			cmd.Stderr = fullPipe(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			if got := scrapeWhenServed(t, admin); !strings.Contains(got, "echod_log_lines_dropped_total ") {
				t.Errorf("the metrics do not have the log's:\n%s", got)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			wantExit(t, cmd, OK)
		})
	}
}

// TestFloodAtTheConnectionLimitLogsFewLines: 2,000 clients connect to a server for one
// connection. Each client that must wait is counted, and few are logged.
func TestFloodAtTheConnectionLimitLogsFewLines(t *testing.T) {
	dir := t.TempDir()
	path, admin := filepath.Join(dir, "s"), filepath.Join(dir, "admin")
	var log bytes.Buffer
	cmd := startUnderManager(t, &log, nil, nil, "--engine", "net", "--listen", "unix://"+path, "--max-conns", "1", "--admin", "unix://"+admin)
	dialWhenServed(t, path).Close()
	const clients, atOnce = 2000, 4
	failed := make(chan error, atOnce)
	for range atOnce {
		go func() {
			for range clients / atOnce {
				conn, err := net.Dial("unix", path)
				if err == nil {
					conn.SetDeadline(time.Now().Add(testTimeout))
					conn.(*net.UnixConn).CloseWrite()
					_, err = io.ReadAll(conn)
					conn.Close()
				}
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range atOnce {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	metrics := scrapeWhenServed(t, admin)
	stopped(t, cmd)
	if full := sample(t, metrics, `echod_accept_errors_total{engine="net",reason="full"}`); full < clients/4 {
		t.Errorf("%d clients had to wait, want many of %d", full, clients)
	}
	if paused := strings.Count(log.String(), "listener paused"); paused < 1 || paused > 3 {
		t.Errorf("%d lines say that the listener pauses, want one a minute:\n%s", paused, log.String())
	}
	if lines := strings.Count(log.String(), "\n"); lines > 60 {
		t.Errorf("%d lines, want a few dozen", lines)
	}
}

// sample returns the value of a metric.
func sample(t *testing.T, metrics, name string) int {
	t.Helper()
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("no metric %s in\n%s", name, metrics)
	return 0
}

// scrapeWhenServed returns the metrics of the admin server at a unix socket.
func scrapeWhenServed(t *testing.T, path string) string {
	t.Helper()
	conn := dialWhenServed(t, path)
	fmt.Fprintf(conn, "GET /metrics HTTP/1.0\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestThirdSignalEndsAHungProcess: nothing receives from stopSignals.
func TestThirdSignalEndsAHungProcess(t *testing.T) {
	if os.Getenv("ECHOD_TEST_HANGS") != "" {
		stopSignals(2)
		os.Stdout.WriteString("x")
		select {}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(exe, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ECHOD_TEST_HANGS=1")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := r.Read(make([]byte, 1)); err != nil { // signals are caught now
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	// Two signals may be merged into one, so more than three may be needed.
	deadline := time.After(testTimeout)
	for {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("got %s, want SIGTERM to end it", cmd.ProcessState)
			}
			return
		case <-deadline:
			t.Fatal("no number of signals ends it")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
