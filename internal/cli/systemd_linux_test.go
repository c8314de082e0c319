package cli

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startUnderManager starts echod as systemd does: LISTEN_PID is its own process, and the
// files are its descriptors from 3 on. Its standard error goes to log.
func startUnderManager(t *testing.T, log io.Writer, files []*os.File, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" serve "$@"`, exe}, args...)...)
	cmd.Env = append(append(os.Environ(), asEchod+"=1"), env...)
	cmd.ExtraFiles = files
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// stopped stops echod, and fails the test unless it exits with 0.
func stopped(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestInheritedSocketsAreServed(t *testing.T) {
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			var config net.ListenConfig
			config.SetMultipathTCP(false)
			tcp, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "s")
			unix, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			unix.(*net.UnixListener).SetUnlinkOnClose(false)
			var files []*os.File
			for _, ln := range []net.Listener{tcp, unix} {
				file, err := ln.(interface{ File() (*os.File, error) }).File()
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, file)
			}
			// This connection is in the queue before echod starts.
			early := dialEcho(t, "tcp", tcp.Addr().String())
			var log bytes.Buffer
			cmd := startUnderManager(t, &log, files, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=tcp:unix"}, "--engine", engine)
			for _, ln := range []net.Listener{tcp, unix} {
				ln.Close()
			}
			for _, file := range files {
				file.Close()
			}
			wantEcho(t, early)
			wantEcho(t, dialEcho(t, "tcp", tcp.Addr().String()))
			wantEcho(t, dialEcho(t, "unix", path))
			stopped(t, cmd)
			if got := strings.Count(log.String(), " listening "); got != len(files) {
				t.Errorf("%d listeners, want %d alone:\n%s", got, len(files), log.String())
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("the manager's socket file: %v, want it left alone", err)
			}
		})
	}
}

// TestQueuedConnectionOfInheritedSocketIsResetByAKill: a connection that was queued before
// the server started does not have the options that the server set on the listener. When
// the server is killed, it must be reset all the same.
func TestQueuedConnectionOfInheritedSocketIsResetByAKill(t *testing.T) {
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			var config net.ListenConfig
			config.SetMultipathTCP(false)
			ln, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			file, err := ln.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			early := dialEcho(t, "tcp", ln.Addr().String())
			cmd := startUnderManager(t, io.Discard, []*os.File{file}, []string{"LISTEN_FDS=1"}, "--engine", engine)
			ln.Close()
			file.Close()
			if _, err := early.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := early.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			cmd.Process.Kill()
			if _, err := early.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want ECONNRESET", err)
			}
		})
	}
}

func dialEcho(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

// wantEcho sends, half-closes, and fails the test unless all of it comes back with a FIN.
func wantEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	const sent = "what comes in goes out"
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != sent {
		t.Errorf("got %q, %v; want %q", got, err, sent)
	}
}

func TestInheritedDescriptorMustBeASocket(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var log bytes.Buffer
	cmd := startUnderManager(t, &log, []*os.File{null}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=echo"})
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != int(Failed) {
		t.Errorf("exit code %d, want %d", got, Failed)
	}
	const want = "echod: inherit echo: getsockopt SO_TYPE: socket operation on non-socket\n"
	if got := log.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServiceManagerReceivesReadyWatchdogAndStopping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	manager.SetReadDeadline(time.Now().Add(testTimeout))
	cmd := startUnderManager(t, io.Discard, nil, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"}, "--listen", "tcp://127.0.0.1:0")
	receiveState(t, manager, "READY=1")
	receiveState(t, manager, "WATCHDOG=1")
	receiveState(t, manager, "WATCHDOG=1")
	stopped(t, cmd)
	for state := ""; state != "STOPPING=1"; {
		if state = receiveState(t, manager, ""); state != "WATCHDOG=1" && state != "STOPPING=1" {
			t.Fatalf("got %q, want STOPPING=1", state)
		}
	}
}

// receiveState returns the next state that the service manager receives. It must be want,
// unless that is "".
func receiveState(t *testing.T, manager *net.UnixConn, want string) string {
	t.Helper()
	buf := make([]byte, 512)
	n, err := manager.Read(buf)
	got := strings.TrimSpace(string(buf[:n]))
	if err != nil || want != "" && got != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	return got
}

// TestServiceSurvivesTheExitOfItsLogReader: by default, SIGPIPE ends a process that writes
// to a pipe without a reader.
func TestServiceSurvivesTheExitOfItsLogReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	cmd := startUnderManager(t, w, nil, nil, "--listen", "unix://"+path)
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it listens
		t.Fatal(err)
	}
	r.Close()
	wantEcho(t, dialEcho(t, "unix", path))
	stopped(t, cmd)
}
