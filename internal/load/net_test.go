package load

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// brokenConn is a datagram socket that reports the same error again and again.
type brokenConn struct {
	net.Conn
	reads  *atomic.Int64 // of all of them
	closed atomic.Bool
}

func (c *brokenConn) Read([]byte) (int, error) {
	if c.closed.Load() || c.reads.Add(1) > 1000 {
		return 0, net.ErrClosed
	}
	return 0, syscall.EIO
}

func (c *brokenConn) Write(p []byte) (int, error) { return len(p), nil }
func (c *brokenConn) Close() error                { c.closed.Store(true); return nil }

// Two datagrams were sent, and may cause one error each. The errors after that are the
// socket's own: it is replaced, after longer and longer pauses.
func TestBrokenDatagramSocketIsReplacedAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var reads atomic.Int64
		p := planOf(t, "udp://127.0.0.1:7", "64")
		p.Conns, p.Depth = 1, 2
		p.Target.Via = func(context.Context) (net.Conn, error) { return &brokenConn{reads: &reads}, nil }
		d, err := newNetDriver(newRun(p, []net.Addr{&net.UDPAddr{}}))
		if err != nil {
			t.Fatal(err)
		}
		d.drive(ctx)
		// Three times the first socket, then one each after 10, 30, 70 … 1270, 2270 ms.
		if got := reads.Load(); got != 3+8 {
			t.Errorf("%d reads in 3 s, want 11", got)
		}
	})
}
