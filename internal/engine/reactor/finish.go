//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/engine"
)

// smallestWindow is a number of bytes that the receive window of any peer holds at
// the start of a connection (tcp(7), tcp_rmem: the smallest receive buffer is a page,
// of which half is for data). Streams that have sent less cannot be waiting for a
// peer to make room.
const smallestWindow = 1024

// finish ends a stream whose peer has finished and has been sent everything. On a TCP
// stream the last bytes may still be in the kernel, waiting for the peer to make
// room. A closed socket is an orphan to the kernel, and it gives up on an orphan
// after a few minutes (tcp(7), tcp_orphan_retries). So a stream with undelivered
// bytes sends its FIN and stays open until the peer has acknowledged all of it.
func (l *loop) finish(c *conn) {
	c.stream.EOF()
	if c.unix || c.stream.Out() < smallestWindow {
		l.end(c, engine.Finished)
		return
	}
	left, errno := l.k.Outq(int(c.fd))
	if errno != 0 || left == 0 {
		l.end(c, engine.Finished)
		return
	}
	// From here on the kernel would deliver the rest even if the process died.
	if errno := l.k.SetsockoptLinger(int(c.fd), &l.noLinger); errno != 0 {
		l.end(c, engine.Broken)
		return
	}
	if errno := l.k.Shutdown(int(c.fd), unix.SHUT_WR); errno != 0 {
		l.end(c, engine.ClassifyEnd(errno))
		return
	}
	l.unwatch(c) // a socket that is shut down both ways is always ready
	l.settle(c, finishing, true)
	l.undelivered[c.fd] = left
	l.count.Finishing.Add(1)
	l.backOff(c)
}

// checkDelivered looks whether the kernel has delivered everything. It reports whether
// the peer has taken some of it since the last look.
func (l *loop) checkDelivered(c *conn) bool {
	// Behind a FIN a send fails with EPIPE, or with the error that ended the
	// connection (sk_stream_error in net/core/stream.c).
	if _, errno := l.send(c, nil); errno != unix.EPIPE && errno != 0 {
		return l.failed(c, errno)
	}
	left, errno := l.k.Outq(int(c.fd))
	if errno != 0 || left == 0 {
		l.end(c, engine.Finished)
		return true
	}
	if left < l.undelivered[c.fd] {
		l.undelivered[c.fd] = left
		c.movedAt = l.milliseconds()
		return true
	}
	return false
}

// leaveDelivery ends the finishing streams of a service that ends: the kernel delivers
// what is left, as long as its patience with orphans lasts.
func (l *loop) leaveDelivery() {
	for fd := range l.undelivered {
		l.end(l.table.at(fd), engine.Finished)
	}
}
