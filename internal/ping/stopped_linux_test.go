package ping_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"echod/internal/ping"
)

// TestStoppedProcessLosesNothing stops a process that sends probes for longer than their
// timeout. Some of them are in flight then.
func TestStoppedProcessLosesNothing(t *testing.T) {
	if target := os.Getenv("ECHOD_TEST_STOPPED"); target != "" {
		probeUntilEOF(t, target)
		return
	}
	t.Parallel()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	received := make(chan struct{}, 1)
	go func() {
		for p := make([]byte, 64); ; {
			n, from, err := conn.ReadFrom(p)
			if err != nil {
				return
			}
			answer := append([]byte(nil), p[:n]...)
			time.AfterFunc(30*time.Millisecond, func() { conn.WriteTo(answer, from) }) // so some are in flight
			select {
			case received <- struct{}{}:
			default:
			}
		}
	}()
	child := exec.Command(os.Args[0], "-test.run=^TestStoppedProcessLosesNothing$")
	child.Env = append(os.Environ(), "ECHOD_TEST_STOPPED="+conn.LocalAddr().String())
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	for range 20 {
		<-received
	}
	child.Process.Signal(syscall.SIGSTOP)
	time.Sleep(1300 * time.Millisecond) // longer than the timeout of a probe
	child.Process.Signal(syscall.SIGCONT)
	for range 20 {
		<-received
	}
	in.Close()
	var s ping.Summary
	if err := json.NewDecoder(out).Decode(&s); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out)
	child.Wait()
	if s.Lost != 0 || s.Paused < 100 || s.PausedFor < time.Second || s.Received < 20 {
		t.Errorf("got %d received, %d lost, %d in pauses of %v; want at least 20, 0, at least 100 and 1s", s.Received, s.Lost, s.Paused, s.PausedFor)
	}
}

// probeUntilEOF sends probes until its standard input ends, and writes the summary.
func probeUntilEOF(t *testing.T, target string) {
	stop, tally := make(chan struct{}), ping.NewTally()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	prober, err := ping.New(ping.Config{
		Target: ping.Target{Network: "udp", Address: target}, Interval: 10 * time.Millisecond, Timeout: time.Second, Size: 64,
		Stop: stop, OnProbe: tally.Probe, OnPause: tally.Pause,
	})
	if err != nil {
		t.Fatal(err)
	}
	prober.Run(context.Background())
	json.NewEncoder(os.Stdout).Encode(tally.Summary())
}
