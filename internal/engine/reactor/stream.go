//go:build linux

package reactor

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
)

// serve does what a stream needs next: one receive or one send at most, so that a busy
// peer does not keep the loop from the others. It reports whether there was progress:
// bytes moved, or the stream came to another phase or to its end.
func (l *loop) serve(c *conn) (progress bool) {
	switch c.stream.Next() {
	case echo.Read:
		// The memory for one full receive is reserved until the end of the iteration, so
		// it cannot run out once the bytes are taken from the peer.
		if c.unix || !l.reserve() {
			return l.servePeeked(c)
		}
		return l.receive(c)
	case echo.Write:
		return l.sendOwed(c, c.held.Owed)
	default: // echo.Finish
		return l.checkDelivered(c)
	}
}

// received has the bytes of one receive, which are sent back in the same iteration.
type received struct {
	c     *conn
	bytes []byte // in loop.buffer
}

const (
	// maxGroup is how many receives may come before their sends. Calls of one kind in
	// a row cost less: the kernel's code for them is in the processor's caches.
	maxGroup = 16
	// shortReceive is the most bytes that another receive may follow before they are
	// sent. The buffers for owed bytes have this size or more.
	shortReceive = engine.MinBuffer
)

// sizeReceives sets how many receives may come before their sends, and the size of each
// after the first. Together they fit into the buffer, and into the reserved memory, which
// has buffers of shortReceive bytes and of other powers of two.
func (l *loop) sizeReceives() {
	half := len(l.buffer) / 2
	l.groupSize = max(min(half/shortReceive, maxGroup), 1)
	l.laterReceive = 1 << max(bits.Len(uint(half))-1, 0)
}

// receive takes what has arrived. sendReceived sends it back.
func (l *loop) receive(c *conn) (progress bool) {
	room := l.buffer
	if len(l.received) > 0 {
		room = l.buffer[l.filled:][:l.laterReceive]
	}
	n, errno := l.recv(c, room, 0)
	if errno != 0 {
		return l.callFailed(c, errno)
	}
	if n == 0 { // half-close: the peer has finished sending and is owed nothing
		l.finish(c)
		return true
	}
	c.stream.Received(n)
	l.moved.in += uint64(n)
	l.received = append(l.received, received{c, room[:n]})
	l.filled += n
	if n > shortReceive || len(l.received) == l.groupSize {
		l.sendReceived()
	}
	return true
}

// sendReceived sends back what was received. It must run before anything but a receive
// changes a stream or the buffer.
func (l *loop) sendReceived() {
	for _, r := range l.received {
		l.sendOwed(r.c, r.bytes)
	}
	l.received, l.filled = l.received[:0], 0
}

// sendOwed sends owed bytes: those of held, or those that were received just now. What the
// kernel does not take is held, and nothing is read until it is sent. sendOwed reports
// whether any byte moved or the stream ended.
func (l *loop) sendOwed(c *conn, owed []byte) (progress bool) {
	sent, errno := l.send(c, owed)
	if errno != 0 && errno != unix.EAGAIN {
		return l.callFailed(c, errno)
	}
	c.stream.Sent(sent)
	l.moved.out += uint64(sent)
	owed = owed[sent:]

	progress = sent > 0 || c.held == nil // they were received just now
	switch {
	case len(owed) == 0 && c.held != nil:
		c.held.Release()
		c.held = nil
	case len(owed) > 0 && c.held == nil:
		c.held, l.reserved = l.cache.Get(len(owed)), false
		c.held.Owed = c.held.Bytes[:copy(c.held.Bytes, owed)]
	case len(owed) > 0:
		c.held.Owed = owed
	}

	if progress {
		l.await(c, len(owed) > 0)
	}
	return progress
}

// reserve reserves memory for a full receive until the iteration ends, and again after
// some of it was used. It returns false if there is none.
func (l *loop) reserve() bool {
	if !l.reserved {
		l.reserved = l.cache.Reserve()
	}
	return l.reserved
}

// servePeeked echoes without user memory. It peeks at what has arrived, sends it back,
// and only then takes from the kernel what was sent. It copies everything twice, and is
// used in two cases.
//
// When the memory for owed bytes is used up, or when others wait for it, streams go on,
// each at the pace of its peer, and none is reset.
//
// SO_LINGER has no effect on a unix socket. The only reset there is the ECONNRESET that
// the kernel gives to the peer of a socket that was closed with unread bytes. Owed bytes
// that stay unread make every early end a reset, even an end by SIGKILL.
func (l *loop) servePeeked(c *conn) (progress bool) {
	l.sendReceived() // what is in the buffer
	n, errno := l.recv(c, l.buffer, unix.MSG_PEEK)
	if errno != 0 {
		return l.callFailed(c, errno)
	}
	if n == 0 { // half-close
		l.finish(c)
		return true
	}
	sent, errno := l.send(c, l.buffer[:n])
	if errno != 0 && errno != unix.EAGAIN {
		return l.callFailed(c, errno)
	}
	if sent == 0 && c.phase == writing {
		return false
	}
	for left := sent; left > 0; {
		taken, errno := l.recv(c, l.buffer[:left], 0)
		if errno != 0 || taken == 0 { // it would be sent twice
			l.end(c, engine.ClassifyEnd(errno))
			return true
		}
		c.stream.Received(taken)
		c.stream.Sent(taken)
		l.moved.in += uint64(taken)
		l.moved.out += uint64(taken)
		left -= taken
	}
	l.await(c, sent < n)
	return true
}

// maxInterrupts is how many consecutive times a call is repeated at once that a signal
// interrupts. After that it counts as a call that moved nothing.
const maxInterrupts = 16

// recv is recv(2). An interrupted call is repeated.
func (l *loop) recv(c *conn, p []byte, flags int) (n int, errno sys.Errno) {
	for range maxInterrupts {
		if n, errno = l.k.Recv(int(c.fd), p, flags); errno != unix.EINTR {
			return n, errno
		}
	}
	return 0, unix.EAGAIN
}

// send is send(2). An interrupted call is repeated.
func (l *loop) send(c *conn, p []byte) (n int, errno sys.Errno) {
	for range maxInterrupts {
		if n, errno = l.k.Send(int(c.fd), p, unix.MSG_NOSIGNAL); errno != unix.EINTR {
			return n, errno
		}
	}
	return 0, unix.EAGAIN
}

// callFailed handles the error of a call. EAGAIN means that the socket was not ready
// after all. Any other error ends the stream. callFailed reports whether it did.
func (l *loop) callFailed(c *conn, errno sys.Errno) (ended bool) {
	if errno == unix.EAGAIN {
		return false
	}
	l.end(c, engine.ClassifyEnd(errno))
	return true
}

// await leaves c, which has made progress, until it is ready: for writing if bytes are owed,
// else for reading. Its timeouts start again.
func (l *loop) await(c *conn, owing bool) {
	want, next, list := poll.Readable, reading, uint8(idleList)
	if owing {
		want, next, list = poll.Writable, writing, owedList
	}
	if want != c.want {
		var errno sys.Errno
		if c.want == 0 {
			errno = l.poller.Add(int(c.fd), c.gen, want)
		} else {
			errno = l.poller.Modify(int(c.fd), c.gen, want)
		}
		if errno != 0 {
			l.end(c, engine.Broken)
			return
		}
		c.want = want
	}
	if owing {
		c.movedAt = l.milliseconds()
	}
	c.phase = next
	if list != c.list || l.timeOf(list) > 0 {
		l.reschedule(c, list)
	}
}

// smallestWindow is a number of bytes that the receive window of any peer holds at the
// start of a connection (tcp(7), tcp_rmem: the smallest receive buffer is a page, and
// half of it is for data). A peer that was sent less cannot be short of room.
const smallestWindow = 1024

// finish ends a stream after a half-close: the peer has finished sending, and has been
// sent everything. On a TCP stream the last bytes may still be in the kernel and wait
// until the peer makes room. A closed socket is an orphan to the kernel, which gives up
// on an orphan after a few minutes (tcp(7), tcp_orphan_retries). So a stream with
// undelivered bytes sends its FIN and stays open until the peer has acknowledged all of
// them.
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
	// Without linger the kernel delivers the rest even if this process dies.
	if errno := l.k.SetsockoptLinger(int(c.fd), &l.noLinger); errno != 0 {
		l.end(c, engine.Broken)
		return
	}
	if errno := l.k.Shutdown(int(c.fd), unix.SHUT_WR); errno != 0 {
		l.end(c, engine.ClassifyEnd(errno))
		return
	}
	l.unwatch(c) // a socket that is shut down both ways is always ready
	l.undelivered[c.fd] = left
	l.count.Finishing.Add(1)
	c.phase, c.movedAt = finishing, l.milliseconds()
	l.reschedule(c, firstRetryList)
}

// checkDelivered ends a finishing stream if the kernel has delivered everything. It
// reports whether the peer has acknowledged anything since the last check.
func (l *loop) checkDelivered(c *conn) (progress bool) {
	// After a FIN a send fails with EPIPE, or with the error that ended the connection
	// (sk_stream_error in net/core/stream.c).
	if _, errno := l.send(c, nil); errno != unix.EPIPE && errno != 0 {
		return l.callFailed(c, errno)
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

// end ends a stream and counts its cause. Finished is the honest end: SO_LINGER, which
// the socket has from its listener, is switched off, and closing sends what is queued
// and then a FIN. After any other cause closing sends a reset, which tells the peer that
// bytes are lost.
//
// The descriptor is closed after all events of this iteration, so that no new connection
// gets its number while an event of the old one is still to come.
func (l *loop) end(c *conn, cause engine.Cause) {
	switch {
	case cause == engine.Finished && !c.unix && c.phase != finishing:
		if errno := l.k.SetsockoptLinger(int(c.fd), &l.noLinger); errno != 0 {
			cause = engine.Broken
		}
	case cause != engine.Finished && c.phase == finishing:
		l.k.SetsockoptLinger(int(c.fd), &unix.Linger{Onoff: 1})
	}
	if c.held != nil {
		c.held.Release()
		c.held = nil
	}
	if c.phase == finishing {
		delete(l.undelivered, c.fd)
		l.count.Finishing.Add(-1)
	}
	l.count.Discarded.Add(uint64(c.stream.Owed()))
	l.count.Closes[cause].Add(1)
	l.lists[c.list].remove(c)
	c.stop()
	l.ended = append(l.ended, c.fd)
}
