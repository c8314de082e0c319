//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sys"
)

// serve does the next thing for a stream that is ready for it: one receive and
// one send at the most, so that a busy peer has its turn and no more.
func (l *loop) serve(c *conn) {
	switch {
	case c.stream.Next() == echo.Write:
		l.flush(c)
	case c.unix || !l.store.ready():
		l.pass(c)
	default:
		l.receive(c)
	}
}

// receive takes what is there and sends it straight back. Whatever the kernel
// does not take at once is held, and nothing more is read until it is gone.
func (l *loop) receive(c *conn) {
	n, errno := l.k.Recv(int(c.fd), l.scratch, 0)
	if errno != 0 {
		l.trouble(c, errno)
		return
	}
	if n == 0 {
		c.stream.EOF()
		l.end(c, engine.Finished)
		return
	}
	l.received(c, n)
	sent, ok := l.send(c, l.scratch[:n])
	if !ok {
		return
	}
	l.sent(c, sent)
	if sent < n {
		c.held = l.store.hold(l.scratch[sent:n])
	}
	l.await(c, sent < n, true)
}

// flush sends what is held.
func (l *loop) flush(c *conn) {
	sent, ok := l.send(c, c.held.owed)
	if !ok {
		return
	}
	l.sent(c, sent)
	c.held.owed = c.held.owed[sent:]
	owing := c.stream.Next() == echo.Write
	if !owing {
		l.store.release(c.held)
		c.held = nil
	}
	l.await(c, owing, sent > 0)
}

// pass echoes without taking anything into memory: it looks at what is there,
// sends it back, and only then takes from the kernel what was sent. It costs a
// second copy and has two uses.
//
// When the memory budget is spent, streams go on, each at the pace of its peer,
// instead of being reset.
//
// On a unix socket there is no linger, and the only reset is the ECONNRESET
// that the kernel gives the peer of a socket closed with unread bytes. Here the
// bytes owed are always unread, so every early end is one, even by SIGKILL.
func (l *loop) pass(c *conn) {
	n, errno := l.k.Recv(int(c.fd), l.scratch, unix.MSG_PEEK)
	if errno != 0 {
		l.trouble(c, errno)
		return
	}
	if n == 0 {
		c.stream.EOF()
		l.end(c, engine.Finished)
		return
	}
	sent, ok := l.send(c, l.scratch[:n])
	if !ok {
		return
	}
	if !l.consume(c, sent) {
		return
	}
	l.await(c, sent < n, sent > 0)
}

// consume takes n bytes that were sent back already. If the kernel does not
// hand them out, they would be sent twice, so the stream ends.
func (l *loop) consume(c *conn, n int) bool {
	for n > 0 {
		took, errno := l.k.Recv(int(c.fd), l.scratch[:n], 0)
		if errno == unix.EINTR {
			continue
		}
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

// send offers p to the kernel. A full socket buffer is no error: 0 bytes were
// sent. On any other error the stream has ended and ok is false.
func (l *loop) send(c *conn, p []byte) (n int, ok bool) {
	n, errno := l.k.Send(int(c.fd), p, unix.MSG_NOSIGNAL)
	if errno == 0 || again(errno) {
		return n, true
	}
	l.end(c, engine.ClassifyEnd(errno))
	return 0, false
}

func (l *loop) received(c *conn, n int) {
	c.stream.Received(n)
	l.moved.in += uint64(n)
}

func (l *loop) sent(c *conn, n int) {
	c.stream.Sent(n)
	l.moved.out += uint64(n)
}

// trouble is what a failed receive means: nothing at all, or the stream's end.
func (l *loop) trouble(c *conn, errno sys.Errno) {
	if !again(errno) {
		l.end(c, engine.ClassifyEnd(errno))
	}
}

// again tells whether errno only says that it was not the moment. Readiness is
// a hint: it may be gone when the call is made.
func again(errno sys.Errno) bool { return errno == unix.EAGAIN || errno == unix.EINTR }

// await leaves c until it is ready again: for writing while something is owed to
// its peer, else for reading.
func (l *loop) await(c *conn, owing, moved bool) {
	want := readable
	if owing {
		want = writable
	}
	if want != c.want {
		if errno := l.poller.mod(int(c.fd), c.gen, want); errno != 0 {
			l.end(c, engine.Broken)
			return
		}
		c.want = want
	}
	l.settle(c, owing, moved)
}

// end ends the stream, for one counted cause. Finished is the earned end: the
// lingering that the listener bequeathed is taken off, and closing sends what
// is queued and then a FIN. After any other cause closing sends a reset, and
// the peer knows that it has not had everything.
//
// The descriptor itself is closed after the batch, so that no other connection
// can have its number while events of this one are still to be looked at.
func (l *loop) end(c *conn, cause engine.Cause) {
	if cause == engine.Finished && !c.unix {
		if errno := l.k.SetsockoptLinger(int(c.fd), &l.noLinger); errno != 0 {
			cause = engine.Broken
		}
	}
	if c.held != nil {
		l.store.release(c.held)
		c.held = nil
	}
	l.count.Discarded.Add(uint64(c.stream.Owed()))
	l.count.Closes[cause].Add(1)
	l.rollOf(c).remove(c)
	l.poller.drop(int(c.fd))
	c.stop()
	l.dead = append(l.dead, c.fd)
}
