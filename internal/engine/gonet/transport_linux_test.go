package gonet

import (
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// busyKernel always has bytes to receive.
type busyKernel struct{ *sys.Linux }

func (busyKernel) Recv(_ int, p []byte, _ int) (int, sys.Errno) { return len(p), 0 }

// TestBusyStreamWaitsNowAndThen: the clock moves only while every goroutine waits.
func TestBusyStreamWaitsNowAndThen(t *testing.T) {
	_, accepted := unixPair(t)
	defer accepted.Close()
	synctest.Test(t, func(t *testing.T) {
		c := newServer(engine.Config{}.WithDefaults()).newConn(accepted, nil)
		c.server.calls = sock.Calls{Kernel: busyKernel{}}
		start := time.Now()
		for received := 0; received < 3*longestBurst; {
			n, err := c.transport.receive(c)
			if err != nil {
				t.Fatal(err)
			}
			received += n
		}
		if got, want := time.Since(start), 2*time.Microsecond; got != want {
			t.Errorf("while %d bytes are received: the stream waits for %v, want %v", 3*longestBurst, got, want)
		}
	})
}
