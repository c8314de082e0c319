package gonet

import (
	"net"
	"time"

	"echod/internal/engine"
	"echod/internal/memory"
	"echod/internal/sock"
)

// getBuffer makes sure that c has a buffer: one of n bytes, or the one that it has, or a
// small one. It returns false if there is no memory, or if other connections have waited
// longer for it and c can go on without a buffer. No bytes of c may be owed.
func (c *conn) getBuffer(n int) bool {
	if c.buf != nil && len(c.buf.Bytes) >= n {
		return true
	}
	if c.server.cfg.Budget.Pool().Waiting() && c.canEchoUnread() {
		return c.buf != nil
	}
	if b := c.cache.Get(n); b != nil {
		c.release()
		c.buf = b
	}
	if c.buf == nil && n > c.server.firstBuffer() {
		c.buf = c.cache.Get(c.server.firstBuffer())
	}
	return c.buf != nil
}

// shrinkBuffer moves the owed bytes to a smaller buffer if they need at most a quarter of
// this one: the peer may not make room for a long time.
func (c *conn) shrinkBuffer() {
	owed := c.buf.Owed
	if n := max(len(owed), c.server.firstBuffer()); n <= len(c.buf.Bytes)/4 {
		if small := c.cache.Get(n); small != nil {
			small.Owed = small.Bytes[:copy(small.Bytes, owed)]
			c.release()
			c.buf = small
		}
	}
}

// release gives the buffer back, if c has one. No byte in it may be owed.
func (c *conn) release() {
	if c.buf != nil {
		c.buf.Release()
		c.buf = nil
	}
}

// firstBuffer is the size of a small buffer, in bytes.
func (s *server) firstBuffer() int { return min(engine.MinBuffer, s.cfg.Buffer) }

// receiveWithoutMemory is called when receive has returned errNoMemory. It echoes what
// has arrived without a buffer, or else waits for memory.
func (c *conn) receiveWithoutMemory() error {
	if s, ok := c.transport.(*socket); ok && sock.CanLeaveUnread {
		return s.echoUnread()
	}
	_, unknown := c.transport.(*blocking) // whether anything has arrived
	return c.waitForMemory(!unknown, nil)
}

// waitForMemory waits until c has a buffer. It returns errNoMemory if timeout, which may
// be nil, comes first. arrived reports whether bytes have arrived: then they are owed,
// and the stall timeout runs.
func (c *conn) waitForMemory(arrived bool, timeout <-chan time.Time) error {
	// It joins the queue only if it must: while there is a queue, streams that can go on
	// without a buffer get none.
	if c.getBuffer(c.server.firstBuffer()) {
		return nil
	}
	if arrived {
		c.lastMove.owe(c.server.clock.now.Load())
	}
	w := c.server.cfg.Budget.Pool().Wait()
	defer w.Leave()
	check, stop := c.server.clock.newTicker()
	defer stop()
	for !c.getBuffer(c.server.firstBuffer()) {
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
