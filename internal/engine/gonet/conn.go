package gonet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/errno"
)

// conn is one connection. It belongs to the goroutine that serves it; others
// may only close it or interrupt its waiting.
type conn struct {
	server *server
	peer   net.Conn
	addr   netip.AddrPort // the peer's; none on a unix socket
	number uint32         // no other's
	stream echo.Stream
	copied copied   // of stream, for others
	buf    []byte   // bytes of the budget, given back at the end
	owed   []byte   // the part of buf that is still to be sent
	full   bool     // the last read filled buf
	moved  moment   // when bytes last moved
	way    *passage // for lack of a buffer
}

// live serves the connection from its first byte to its close.
func (c *conn) live() {
	if s, ok := c.peer.(*secure); ok && !c.greet(s) {
		return
	}
	c.end(c.echo())
}

// received books n bytes from the peer.
func (c *conn) received(n int) {
	c.stream.Received(n)
	c.copied.in.Store(c.stream.In())
	c.owed = c.buf[:n]
	c.full = n == len(c.buf)
	c.stamp(n)
}

// sent books n bytes to the peer.
func (c *conn) sent(n int) {
	c.stream.Sent(n)
	c.copied.out.Store(c.stream.Out())
	c.owed = c.owed[n:]
	c.stamp(n)
}

// fit sees to a buffer, and doubles it while reads fill it, as far as the
// budget goes: a silent connection costs little, a busy one gets what it can
// use. False: there is none to be had.
func (c *conn) fit() bool {
	size := c.server.firstBuffer()
	if len(c.buf) > 0 {
		size = min(2*len(c.buf), c.server.cfg.Buffer)
	}
	more := size - len(c.buf)
	if (c.full || len(c.buf) == 0) && more > 0 && c.server.take(more) {
		c.buf = make([]byte, size)
	}
	return len(c.buf) > 0
}

// judge tells whether err ends the stream, and as what. A janitor's interrupt
// that came too late or too early does not.
func (c *conn) judge(err error) (cause engine.Cause, over bool) {
	switch {
	case err == nil:
		return 0, false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.review()
	default:
		return causeOf(err), true
	}
}

// causeOf names an error of the connection. Only Shutdown closes it under its
// goroutine's hands.
func causeOf(err error) engine.Cause {
	if end, ok := errors.AsType[ending](err); ok {
		return engine.Cause(end)
	}
	if errors.Is(err, net.ErrClosed) {
		return engine.Drained
	}
	return engine.ClassifyEnd(errno.Of(err))
}

// end closes the connection and books why. Only a peer that finished and had
// all of it back sees an end of file: it has earned it. Every other close is a
// reset, so that nobody takes half an answer for the whole.
func (c *conn) end(cause engine.Cause) {
	if cause == engine.Finished {
		cause = c.finish()
	}
	c.close(&c.server.count.Closes[cause])
}

// close closes the connection, gives back what it had and counts it under why.
func (c *conn) close(why *atomic.Uint64) {
	c.server.leave(c)
	c.peer.Close()
	count := &c.server.count
	count.Discarded.Add(uint64(c.stream.Owed()))
	why.Add(1)
	count.Active.Add(-1)
	c.server.give(len(c.buf))
	c.server.cfg.Budget.Places.Leave(c.addr.Addr())
	c.server.cfg.Budget.Places.Free()
}

// closeInOrder makes the coming close an orderly one, FIN instead of RST; under
// TLS it says close_notify before.
func closeInOrder(peer net.Conn) error {
	if s, ok := peer.(*secure); ok {
		return s.finish()
	}
	return linger(peer, -1)
}

// closeByReset makes every close a reset: ours, and the kernel's when the
// process dies. It is the first thing that a connection gets.
func closeByReset(peer net.Conn) error { return linger(peer, 0) }

// linger sets SO_LINGER (socket(7)) where there is one: on TCP.
func linger(peer net.Conn, seconds int) error {
	if tcp, ok := peer.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}
