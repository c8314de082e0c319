package gonet

import (
	"time"

	"echod/internal/engine"
)

const (
	// smallestWindow is a number of bytes that the receive window of any peer holds
	// at the start of a connection (tcp(7), tcp_rmem). Streams that have sent less
	// cannot be waiting for a peer to make room.
	smallestWindow = 1024
	// The times between two looks at what the kernel has still to deliver.
	firstLook = 10 * time.Millisecond
	lastLook  = time.Second
)

// finish ends a stream whose peer has finished and has been sent everything: the coming
// close is an orderly one. The last bytes may still be in the kernel, waiting for the
// peer to make room, and the kernel gives up on a closed socket after a few minutes
// (tcp(7), tcp_orphan_retries). So a stream with undelivered bytes sends its FIN and
// stays open until the peer has acknowledged all of it. A drain leaves the rest to the
// kernel.
func (c *conn) finish() engine.Cause {
	if err := closeInOrder(c.peer); err != nil {
		return causeOf(err)
	}
	tcp, ok := c.tcp()
	if !ok || c.stream.Out() < smallestWindow {
		return engine.Finished
	}
	left, err := c.server.calls.Undelivered(tcp)
	if err != nil || left == 0 {
		return engine.Finished
	}
	if err := tcp.CloseWrite(); err != nil {
		return causeOf(err)
	}
	c.server.count.Finishing.Add(1)
	defer c.server.count.Finishing.Add(-1)
	c.moved.set(c.server.clock.now.Load(), true)
	for wait := firstLook; c.server.sleep(wait, c.server.draining) && !isClosed(c.server.draining); wait = min(2*wait, lastLook) {
		now, err := c.server.calls.Undelivered(tcp)
		switch {
		case err != nil:
			return causeOf(err)
		case now == 0:
			return engine.Finished
		case now < left:
			left = now
			c.moved.set(c.server.clock.now.Load(), true)
		}
		if cause, over := c.server.clock.overdue(&c.moved); over {
			closeByReset(tcp)
			return cause
		}
	}
	return engine.Finished
}

// tcp is the connection below, under TLS too, if it is a TCP connection.
func (c *conn) tcp() (tcpConn, bool) {
	peer := c.peer
	if s, ok := peer.(*secure); ok {
		peer = s.wire.Conn
	}
	tcp, ok := peer.(tcpConn)
	return tcp, ok
}
