package echotest

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// brokenReader fails every read until ctx is canceled.
type brokenReader struct {
	ctx   context.Context
	reads int
}

func (r *brokenReader) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	if r.ctx.Err() != nil {
		return -1, netip.AddrPort{}, net.ErrClosed
	}
	r.reads++
	return -1, netip.AddrPort{}, syscall.EIO
}

func TestServerPausesAfterASocketError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second-time.Millisecond)
		defer cancel()
		in := &brokenReader{ctx: ctx}
		echoDatagrams(ctx, in, make([]byte, 10), nil, 0)
		if in.reads != 100 {
			t.Errorf("%d reads in a second, want 100", in.reads)
		}
	})
}

// brokenConn is a net.Conn that reads from a brokenReader.
type brokenConn struct {
	net.Conn
	*brokenReader
}

func (c brokenConn) Read(p []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(p)
	return n, err
}

func (c brokenConn) Close() error { return nil }

func TestProxyPausesAfterASocketError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second-time.Millisecond)
		defer cancel()
		in := &brokenReader{ctx: ctx}
		n := &nat{ctx: ctx}
		n.forwardAnswers(&mapping{server: brokenConn{brokenReader: in}})
		if in.reads != 100 {
			t.Errorf("%d reads in a second, want 100", in.reads)
		}
	})
}
