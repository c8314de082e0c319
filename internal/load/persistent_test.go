package load

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// brokenConn fails every read at once, as a socket does that reports the same
// error again and again.
type brokenConn struct {
	net.Conn
	reads int
}

func (c *brokenConn) Read([]byte) (int, error) {
	c.reads++
	if c.reads > 1000 {
		return -1, net.ErrClosed
	}
	return -1, syscall.EIO
}

// closesWith ends the reads when ctx ends, as the close of a socket does.
type closesWith struct {
	*brokenConn
	ctx context.Context
}

func (c closesWith) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return -1, net.ErrClosed
	}
	return c.brokenConn.Read(p)
}

// TestErrorsOfASocketThatNoDatagramCausedDoNotSpin: two datagrams have left, and
// may cause one error each without a pause.
func TestErrorsOfASocketThatNoDatagramCausedDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c := &course{tally: &tally{result: &Result{}}}
		s := &netSlot{netDriver: &netDriver{course: c}}
		s.packets.first = 2
		conn := &brokenConn{}
		s.exchange(ctx, closesWith{conn, ctx})
		// At once for the two, and then after 0, 10, 30, ... 1270, 2270 ms.
		if conn.reads != 2+9 {
			t.Errorf("%d reads in 3 s, want 11", conn.reads)
		}
	})
}
