//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
)

// serve does the next thing for a stream: one receive and one send at the most, so
// that a busy peer has its turn and no more. It reports whether anything happened:
// bytes moved, or the stream came to another phase or to its end.
func (l *loop) serve(c *conn) bool {
	switch {
	case c.phase == finishing:
		return l.checkDelivered(c)
	case c.stream.Next() == echo.Write:
		return l.flush(c)
	case c.unix || !l.store.ready():
		return l.pass(c)
	default:
		moved := l.receive(c)
		l.store.done()
		return moved
	}
}

// receive takes what is there and sends it straight back. Whatever the kernel does
// not take at once is held, and nothing more is read until it is gone.
func (l *loop) receive(c *conn) bool {
	n, errno := l.recv(c, l.scratch, 0)
	if errno != 0 {
		return l.failed(c, errno)
	}
	if n == 0 {
		l.finish(c)
		return true
	}
	l.received(c, n)
	sent, errno := l.send(c, l.scratch[:n])
	if errno != 0 && errno != unix.EAGAIN {
		return l.failed(c, errno)
	}
	l.sent(c, sent)
	if sent < n {
		c.held = l.store.hold(l.scratch[sent:n])
	}
	l.await(c, sent < n, true)
	return true
}

// flush sends what is held.
func (l *loop) flush(c *conn) bool {
	sent, errno := l.send(c, c.held.Owed)
	if errno != 0 {
		return l.failed(c, errno)
	}
	l.sent(c, sent)
	c.held.Owed = c.held.Owed[sent:]
	owing := c.stream.Next() == echo.Write
	if !owing {
		l.store.release(c.held)
		c.held = nil
	}
	l.await(c, owing, true)
	return true
}

// pass echoes without taking anything into memory: it looks at what is there, sends
// it back, and only then takes from the kernel what was sent. It costs a second copy
// and has two uses.
//
// When the memory budget is spent, streams go on, each at the pace of its peer,
// instead of being reset.
//
// On a unix socket SO_LINGER does nothing, and the only reset is the ECONNRESET that
// the kernel gives the peer of a socket closed with unread bytes. Here the bytes owed
// are always unread, so every early end is one, even by SIGKILL.
func (l *loop) pass(c *conn) bool {
	n, errno := l.recv(c, l.scratch, unix.MSG_PEEK)
	if errno != 0 {
		return l.failed(c, errno)
	}
	if n == 0 {
		l.finish(c)
		return true
	}
	sent, errno := l.send(c, l.scratch[:n])
	if errno != 0 && errno != unix.EAGAIN {
		return l.failed(c, errno)
	}
	if sent == 0 && c.phase == writing {
		return false
	}
	if l.consume(c, sent) {
		l.await(c, sent < n, sent > 0)
	}
	return true
}

// consume takes n bytes that were sent back already. If the kernel does not hand
// them out, they would be sent twice, so the stream ends.
func (l *loop) consume(c *conn, n int) bool {
	for n > 0 {
		took, errno := l.recv(c, l.scratch[:n], 0)
		if errno != 0 || took == 0 {
			l.end(c, engine.ClassifyEnd(errno))
			return false
		}
		l.received(c, took)
		l.sent(c, took)
		n -= took
	}
	return true
}

// maxInterrupts is how often in a row a call that a signal interrupts is repeated
// at once. After that it counts as a call that moved nothing.
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

func (l *loop) received(c *conn, n int) {
	c.stream.Received(n)
	l.moved.in += uint64(n)
}

func (l *loop) sent(c *conn, n int) {
	c.stream.Sent(n)
	l.moved.out += uint64(n)
}

// failed handles the error of a call. EAGAIN says that nothing was ready after all;
// any other error ends the stream. It reports whether that happened.
func (l *loop) failed(c *conn, errno sys.Errno) bool {
	if errno == unix.EAGAIN {
		return false
	}
	l.end(c, engine.ClassifyEnd(errno))
	return true
}

// await leaves c until it is ready again: for writing while something is owed to its
// peer, else for reading.
func (l *loop) await(c *conn, owing, moved bool) {
	want, phase := poll.Readable, reading
	if owing {
		want, phase = poll.Writable, writing
	}
	if want != c.want {
		if errno := l.watchFor(c, want); errno != 0 {
			l.end(c, engine.Broken)
			return
		}
	}
	l.settle(c, phase, moved)
}

// watchFor has the poller report when c is ready for want.
func (l *loop) watchFor(c *conn, want poll.Conditions) (errno sys.Errno) {
	if c.want == 0 {
		errno = l.poller.Add(int(c.fd), c.gen, want)
	} else {
		errno = l.poller.Modify(int(c.fd), c.gen, want)
	}
	if errno == 0 {
		c.want = want
	}
	return errno
}

// end ends the stream, for one counted cause. Finished is the honest end: SO_LINGER,
// inherited from the listener, is switched off, and closing sends what is queued and
// then a FIN. After any other cause closing sends a reset, and the peer knows that it
// has not had everything.
//
// The descriptor itself is closed after the batch, so that no other connection
// can have its number while events of this one are still to be looked at.
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
		l.store.release(c.held)
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
	l.dead = append(l.dead, c.fd)
}
