package check_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"echod/check"
)

// resets serves connections until serve returns, and resets them.
func resets(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
				c.(*net.TCPConn).SetLinger(0)
			}()
		}
	}()
	return "tcp://" + l.Addr().String()
}

// echoUntil echoes up to limit bytes, or until a write takes longer than timeout.
func echoUntil(limit int, timeout time.Duration) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		chunk := make([]byte, 4<<10)
		for n := 0; n < limit; {
			k, err := c.Read(chunk)
			if err != nil {
				return
			}
			c.SetWriteDeadline(time.Now().Add(timeout))
			if _, err := c.Write(chunk[:k]); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					panic(err)
				}
				return
			}
			n += k
		}
	}
}

func TestBackpressureTellsAResetOfAStalledClientFromAnEarlyOne(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("on Linux only: elsewhere what came before a reset may be lost")
	}
	small := func(c *net.TCPConn) {
		c.SetWriteBuffer(4 << 10)
		echoUntil(1<<30, time.Millisecond)(c)
	}
	for _, tt := range []struct {
		name  string
		serve func(*net.TCPConn)
		want  check.Verdict
	}{
		{"after 4 KiB", echoUntil(4<<10, time.Second), check.Fail},
		{"after 16 KiB", echoUntil(16<<10, time.Second), check.Fail},
		{"as soon as a write blocks", echoUntil(1<<30, time.Millisecond), check.Pass},
		{"as soon as a write blocks, with a small send buffer", small, check.Pass},
		{"when a write has blocked for a second", echoUntil(1<<30, time.Second), check.Pass},
		{"when nothing has moved for more than a second", func(c *net.TCPConn) { time.Sleep(1700 * time.Millisecond) }, check.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runRule(t, resets(t, tt.serve), "stream/backpressure", check.Options{Anyway: true, Timeout: time.Second})
			if got.Verdict != tt.want || got.Verdict == check.Fail && got.Class != check.Reset {
				t.Errorf("got %s %s: %s, want %s", got.Verdict, got.Class, got.Detail, tt.want)
			}
		})
	}
}
