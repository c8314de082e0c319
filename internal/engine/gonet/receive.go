package gonet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/memory"
	"echod/internal/sock"
)

// A connection that waits for its peer to send has no buffer. It gets one from the pool
// when bytes have arrived, and gives it back when all of them are sent and no more have
// arrived.

// source receives what a peer sends.
type source interface {
	// receive waits until bytes have arrived. n of them are in c.buf then. The error
	// is errNoMemory if there is no buffer for them, and io.EOF if the peer has
	// half-closed. It may return 0 and nil: call it again.
	receive(c *conn) (n int, err error)
}

// errNoMemory is returned by a source that has no buffer.
var errNoMemory = errors.New("no memory for a buffer")

// sourceOf returns the source of a connection without TLS.
func sourceOf(c *conn) source {
	if !sock.CanRecv {
		return blockingSource{}
	}
	recv := sock.Calls.Recv
	switch c.peer.(type) {
	case *peekConn:
		recv = sock.Calls.Peek
	case socketConn:
	default:
		return blockingSource{}
	}
	raw, err := c.peer.(syscall.Conn).SyscallConn()
	if err != nil {
		return blockingSource{}
	}
	s := &socketSource{c: c, raw: raw, recv: recv}
	s.try = s.tryRecv
	return s
}

// socketSource receives from a socket. It waits without a buffer.
type socketSource struct {
	c    *conn
	raw  syscall.RawConn
	recv func(c sock.Calls, fd uintptr, p []byte) (n int, errno syscall.Errno)
	try  func(fd uintptr) (done bool) // tryRecv, made once: each would be an allocation

	// What tryRecv returned.
	n        int
	errno    syscall.Errno
	noMemory bool    // bytes have arrived and there is no buffer for them
	one      [1]byte // the first of them
}

// receive waits until tryRecv returns true. The runtime calls it whenever the socket is
// readable.
func (s *socketSource) receive(*conn) (int, error) {
	err := s.raw.Read(s.try)
	switch {
	case err != nil:
		return 0, err
	case s.errno == syscall.EINTR:
		return 0, nil
	case s.errno != 0:
		return 0, os.NewSyscallError("recv", s.errno)
	case s.noMemory:
		return 0, errNoMemory
	case s.n == 0:
		return 0, io.EOF
	}
	s.c.resize(s.n)
	return s.n, nil
}

// tryRecv receives what has arrived. It returns false if nothing has: then it has given
// the buffer back. The first call after a message still has the buffer of that message.
func (s *socketSource) tryRecv(fd uintptr) (done bool) {
	c := s.c
	if s.noMemory = !c.getBuffer(); s.noMemory {
		_, s.errno = c.server.calls.Peek(fd, s.one[:])
		return s.errno != syscall.EAGAIN
	}
	if s.n, s.errno = s.recv(c.server.calls, fd, c.buf.Bytes); s.errno != syscall.EAGAIN {
		return true
	}
	c.release()
	return false
}

// blockingSource receives from a connection that can only be read with a buffer: one
// that is not a socket, or any on a system without sock.CanRecv.
type blockingSource struct{}

func (blockingSource) receive(c *conn) (int, error) {
	if c.buf != nil && len(c.buf.Bytes) > c.want {
		c.release() // it waits with a small one
	}
	if !c.getBuffer() {
		return 0, errNoMemory
	}
	n, err := c.peer.Read(c.buf.Bytes)
	c.resize(n)
	return n, err
}

// canEchoUnread reports whether c can go on without a buffer: see unread.go.
func (c *conn) canEchoUnread() bool {
	_, ok := c.source.(*socketSource)
	return ok && sock.CanLeaveUnread
}

// receiveWithoutMemory is called when receive has returned errNoMemory. It echoes what
// has arrived without a buffer, or else waits for memory.
func (c *conn) receiveWithoutMemory() error {
	if c.canEchoUnread() {
		return c.echoUnread()
	}
	_, unknown := c.source.(blockingSource) // whether anything has arrived
	return c.waitForMemory(!unknown, nil)
}

// getBuffer makes sure that c has a buffer: one of the size that it wants, or the one
// that it has, or a small one. It returns false if there is no memory, or if other
// connections have waited longer for it and c can go on without a buffer. No bytes of c
// may be owed.
func (c *conn) getBuffer() bool {
	if c.buf != nil && len(c.buf.Bytes) >= c.want {
		return true
	}
	if c.server.cfg.Budget.Pool().Waiting() && c.canEchoUnread() {
		return c.buf != nil
	}
	if b := c.cache.Get(c.want); b != nil {
		c.release()
		c.buf = b
	}
	if c.buf == nil && c.want > c.server.firstBuffer() {
		c.buf = c.cache.Get(c.server.firstBuffer())
	}
	return c.buf != nil
}

// release gives the buffer back, if c has one. No byte in it may be owed.
func (c *conn) release() {
	if c.buf != nil {
		c.buf.Release()
		c.buf = nil
	}
}

// resize chooses the size of the next buffer after n bytes were received: twice the
// size of this one if they filled it, half if they needed at most a quarter of it.
func (c *conn) resize(n int) {
	size := len(c.buf.Bytes)
	switch {
	case n == size:
		c.want = min(2*size, c.server.cfg.Buffer)
	case n <= size/4:
		c.want = max(size/2, c.server.firstBuffer())
	default:
		c.want = size
	}
}

// firstBuffer is the size of the first buffer of a connection, in bytes.
func (s *server) firstBuffer() int { return min(engine.MinBuffer, s.cfg.Buffer) }

// waitForMemory waits until c has a buffer. It returns errNoMemory if timeout, which may
// be nil, comes first. arrived reports whether bytes have arrived: then they are owed,
// and the stall timeout runs.
func (c *conn) waitForMemory(arrived bool, timeout <-chan time.Time) error {
	// It joins the queue only if it must: while there is a queue, streams that can go on
	// without a buffer get none.
	if c.getBuffer() {
		return nil
	}
	if arrived {
		c.lastMove.owe(c.server.clock.now.Load())
	}
	w := c.server.cfg.Budget.Pool().Wait()
	defer w.Leave()
	check, stop := c.server.clock.newTicker()
	defer stop()
	for !c.getBuffer() {
		select {
		case <-w.Woken():
		case <-c.server.resetting:
			return net.ErrClosed
		case <-timeout:
			return errNoMemory
		case <-check:
			if cause, over := c.server.clock.overdue(&c.lastMove); over {
				return causeError(cause)
			}
		}
	}
	return nil
}

// maxCaches bounds the number of buffer caches of a server.
const maxCaches = 64

// newCaches returns the caches of a server, a power of two of them. Connections share
// them. There are more than processors, so that two seldom use one at the same time.
func newCaches(cfg engine.Config, processors int) []*memory.Cache {
	n := 1
	for n < 4*processors && n < maxCaches {
		n *= 2
	}
	caches := make([]*memory.Cache, n)
	for i := range caches {
		caches[i] = cfg.Budget.Pool().NewCache(cfg.Buffer)
	}
	return caches
}
