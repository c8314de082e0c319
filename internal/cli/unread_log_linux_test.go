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

// dialSoon dials a unix socket as soon as somebody serves it.
func dialSoon(t *testing.T, path string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(2 * time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(testTimeout))
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody serves %s: %v", path, err)
		}
	}
}

// wantByteBack sends one byte and wants it back.
func wantByteBack(t *testing.T, conn net.Conn) {
	t.Helper()
	got := make([]byte, 1)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 'x' {
		t.Fatalf("got %q, %v; want x", got, err)
	}
}

// endsWith wants echod to exit with that code, and by itself.
func endsWith(t *testing.T, cmd *exec.Cmd, want Code) {
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
		t.Fatal("echod is still there, want it gone")
	}
}

// serveUnheard serves three connections at a time while nobody hears what echod has
// to say, brings every listener to its limit and ends it by SIGTERM.
func serveUnheard(t *testing.T, engine string, log io.Writer, env ...string) {
	path := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, log, nil, env, "--engine", engine, "--listen", "unix://"+path,
		"--max-conns", "3", "--log-level", "debug", "--drain-timeout", "1h")
	var conns []net.Conn
	for range 3 {
		conn := dialSoon(t, path)
		wantByteBack(t, conn)
		conns = append(conns, conn)
	}
	last := dialSoon(t, path) // the listener is at its limit, and says so
	for range 20 {
		wantByteBack(t, conns[0])
	}
	wantEcho(t, conns[0])
	wantByteBack(t, last)
	wantEcho(t, conns[1])
	wantEcho(t, conns[2])
	wantEcho(t, dialSoon(t, path)) // it listens again
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantEcho(t, last) // which the drain lets finish
	endsWith(t, cmd, OK)
}

// TestLogThatNobodyReadsStopsNothing: standard error is a full pipe.
func TestLogThatNobodyReadsStopsNothing(t *testing.T) {
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) { serveUnheard(t, engine, fullPipe(t)) })
	}
}

// TestLogOnAFullDiskStopsNothing: every write to standard error fails.
func TestLogOnAFullDiskStopsNothing(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) { serveUnheard(t, engine, full) })
	}
}

// TestServiceManagerThatDoesNotReadStopsNothing: the queue of NOTIFY_SOCKET is
// full, and the watchdog wants to be fed.
func TestServiceManagerThatDoesNotReadStopsNothing(t *testing.T) {
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			_, path := fullSocket(t)
			serveUnheard(t, engine, io.Discard, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=100000")
		})
	}
}

// TestServiceManagerThatReadsLateHearsItAll: what is true by then, READY=1 before
// WATCHDOG=1 before STOPPING=1.
func TestServiceManagerThatReadsLateHearsItAll(t *testing.T) {
	manager, path := fullSocket(t)
	echo := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, io.Discard, nil, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=100000"}, "--listen", "unix://"+echo)
	wantEcho(t, dialSoon(t, echo))
	manager.SetReadDeadline(time.Now().Add(testTimeout))
	state := "full"
	for state == "full" {
		state = hear(t, manager, "")
	}
	if state != "READY=1" {
		t.Errorf("first: got %q, want READY=1", state)
	}
	hear(t, manager, "WATCHDOG=1")
	cmd.Process.Signal(syscall.SIGTERM)
	for state != "STOPPING=1" {
		if state = hear(t, manager, ""); state != "WATCHDOG=1" && state != "STOPPING=1" {
			t.Fatalf("got %q, want STOPPING=1", state)
		}
	}
	endsWith(t, cmd, OK)
}

// TestSecondSignalEndsTheDrainWhileNobodyListens: neither the log nor the service
// manager is heard.
func TestSecondSignalEndsTheDrainWhileNobodyListens(t *testing.T) {
	_, manager := fullSocket(t)
	path := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, fullPipe(t), nil, []string{"NOTIFY_SOCKET=" + manager}, "--listen", "unix://"+path, "--drain-timeout", "1h")
	conn := dialSoon(t, path)
	wantByteBack(t, conn)
	cmd.Process.Signal(syscall.SIGTERM)
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("unix", path); err != nil {
			break // it drains: its file is gone
		} else {
			c.Close()
		}
		if time.Now().After(deadline) {
			t.Fatal("the listener is still open after SIGTERM")
		}
	}
	wantByteBack(t, conn)
	cmd.Process.Signal(syscall.SIGTERM)
	endsWith(t, cmd, OK)
}

// TestErrorThatNobodyReadsEndsTheProcess with its code: the complaint takes the
// way of the log.
func TestErrorThatNobodyReadsEndsTheProcess(t *testing.T) {
	cmd := startUnderManager(t, fullPipe(t), nil, nil, "--listen", "unix:///nowhere/at/all/s")
	endsWith(t, cmd, Failed)
}

// TestAgentAndWatchEndWhileNobodyReads: by SIGTERM, with standard error full.
func TestAgentAndWatchEndWhileNobodyReads(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"agent", "--listen", "tcp://127.0.0.1:0"},
		{"watch", "tcp://127.0.0.1:1", "--interval", "50ms", "--down-after", "1"},
	} {
		t.Run(args[0], func(t *testing.T) {
			admin := filepath.Join(t.TempDir(), "admin")
			cmd := exec.Command(exe, append(args, "--admin", "unix://"+admin, "--log-level", "debug")...)
			cmd.Env = append(os.Environ(), asEchod+"=1")
			cmd.Stderr = fullPipe(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			if got := scrapeSoon(t, admin); !strings.Contains(got, "echod_log_lines_dropped_total ") {
				t.Errorf("the metrics do not have the log's:\n%s", got)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			endsWith(t, cmd, OK)
		})
	}
}

// TestFloodAtTheLimitIsAFewLines: 2,000 callers at a server for one. Each that
// has to wait is counted, and few are a line of the log.
func TestFloodAtTheLimitIsAFewLines(t *testing.T) {
	dir := t.TempDir()
	path, admin := filepath.Join(dir, "s"), filepath.Join(dir, "admin")
	var log bytes.Buffer
	cmd := startUnderManager(t, &log, nil, nil, "--engine", "net", "--listen", "unix://"+path, "--max-conns", "1", "--admin", "unix://"+admin)
	dialSoon(t, path).Close()
	const callers, atOnce = 2000, 4
	failed := make(chan error, atOnce)
	for range atOnce {
		go func() {
			for range callers / atOnce {
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
	metrics := scrapeSoon(t, admin)
	stopped(t, cmd)
	if full := sample(t, metrics, `echod_accept_errors_total{engine="net",reason="full"}`); full < callers/4 {
		t.Errorf("%d callers had to wait, want many of %d", full, callers)
	}
	if paused := strings.Count(log.String(), "listener paused"); paused < 1 || paused > 3 {
		t.Errorf("%d lines say that the listener pauses, want one a minute:\n%s", paused, log.String())
	}
	if lines := strings.Count(log.String(), "\n"); lines > 60 {
		t.Errorf("%d lines, want a few dozen", lines)
	}
}

// sample is the value of one metric in a scrape.
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

// scrapeSoon asks the admin server at a unix socket for its metrics.
func scrapeSoon(t *testing.T, path string) string {
	t.Helper()
	conn := dialSoon(t, path)
	fmt.Fprintf(conn, "GET /metrics HTTP/1.0\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestThirdSignalEndsTheProcessWhateverHangs: nobody receives what stopSignals
// sends on.
func TestThirdSignalEndsTheProcessWhateverHangs(t *testing.T) {
	if os.Getenv("ECHOD_TEST_HANGS") != "" {
		stopSignals()
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
	if _, err := r.Read(make([]byte, 1)); err != nil { // it catches signals
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	// Two signals may arrive as one, and so a third may be needed again.
	deadline := time.After(testTimeout)
	for {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("got %s, want death by SIGTERM, as if nobody caught it", cmd.ProcessState)
			}
			return
		case <-deadline:
			t.Fatal("no number of signals ends it")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
