//go:build unix

package cli

import (
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// fullPipe returns a pipe that is full.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 4<<10))
	}
	if err != syscall.EAGAIN {
		t.Fatal(err)
	}
	// The process that inherits it must get a pipe that blocks.
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestSecondInterruptEndsACheckAtOnce: after the first interrupt, the check blocks in
// writing its report.
func TestSecondInterruptEndsACheckAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(testTimeout))

	cmd := exec.Command(os.Args[0], "check", "--anyway", "--rule", "stream/first-byte", "--timeout", "1h", "tcp://"+l.Addr().String())
	cmd.Env = append(os.Environ(), asEchod+"=1")
	cmd.Stdout = fullPipe(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	defer cmd.Process.Kill()

	var conn net.Conn
	for range 2 { // the first connects only, the second is the rule
		if conn, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	cmd.Process.Signal(os.Interrupt)
	conn.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
		t.Fatal("the first interrupt does not end the rule")
	}
	// An interrupt soon after the first is ignored, so there are several.
	again := time.NewTicker(sameMoment / 5)
	defer again.Stop()
	for giveUp := time.After(testTimeout); cmd.ProcessState == nil; {
		select {
		case <-ended:
		case <-again.C:
			cmd.Process.Signal(os.Interrupt)
		case <-giveUp:
			t.Fatal("the second interrupt ends nothing")
		}
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("got %s, want SIGINT to end it", cmd.ProcessState)
	}
}

// TestTwoSignalsAtOnceAreOne: timeout(1) sends its signal twice.
func TestTwoSignalsAtOnceAreOne(t *testing.T) {
	for _, verb := range []string{"check", "ping", "bench", "watch"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			l.(*net.TCPListener).SetDeadline(time.Now().Add(testTimeout))
			cmd := exec.Command(os.Args[0], verb, "tcp://"+l.Addr().String())
			cmd.Env = append(os.Environ(), asEchod+"=1")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := l.Accept() // the verb receives signals now
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Process.Signal(syscall.SIGINT)
			cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
				t.Errorf("got %s, want an orderly end", cmd.ProcessState)
			}
		})
	}
}
