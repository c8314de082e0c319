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
	"echod/internal/memory"
)

// conn is one connection. It belongs to the goroutine that serves it; others
// may only close it or interrupt its waiting.
type conn struct {
	server *server
	peer   net.Conn
	addr   netip.AddrPort // the peer's; none on a unix socket
	number uint32         // no other's
	stream echo.Stream
	copied copied         // of stream, for others
	from   receiver       // of what the peer sends
	passes bool           // it may go on without a buffer
	cache  *memory.Cache  // where its buffers come from
	buf    *memory.Buffer // nil while nothing is owed and nothing has arrived
	want   int            // the size of its next buffer
	moved  moment         // when bytes last moved
	way    *passage       // for lack of a buffer
}

// live serves the connection from its first byte to its close.
func (c *conn) live() {
	if s, ok := c.peer.(*secure); ok && !(c.hasMemory() && c.greet(s)) {
		return
	}
	c.end(c.echo())
}

// received books n bytes from the peer.
func (c *conn) received(n int) {
	c.stream.Received(n)
	c.copied.in.Store(c.stream.In())
	c.buf.Owed = c.buf.Bytes[:n]
	c.stamp(n)
}

// sent books n bytes to the peer.
func (c *conn) sent(n int) {
	c.stream.Sent(n)
	c.copied.out.Store(c.stream.Out())
	c.buf.Owed = c.buf.Owed[n:]
	c.stamp(n)
}

// judge reports whether err ends the stream, and as what. A janitor's interrupt
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
	c.release()
	c.server.cfg.Budget.Slots.ReleaseFor(c.addr.Addr())
	c.server.cfg.Budget.Slots.Release()
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
	if tcp, ok := peer.(tcpConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}
