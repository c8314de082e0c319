package gonet

import (
	"errors"
	"net"
	"time"

	"echod/internal/engine"
	"echod/internal/memory"
)

// A connection that waits for its peer to send has no buffer. It takes one from
// the pool when there is something to receive, and gives it back when all is
// sent back and nothing more has arrived.

// receiver receives what a peer sends.
type receiver interface {
	// receive waits until something has arrived, and returns how many bytes of it
	// are now in c.buf. The error is errNoMemory if there is no buffer for them,
	// io.EOF if the peer has finished.
	receive(c *conn) (n int, err error)
}

// errNoMemory is returned by a receiver that has found no buffer.
var errNoMemory = errors.New("no memory for a buffer")

// blocking receives from a connection that can only be waited for with a buffer:
// one that is no socket, or any on a system where a socket cannot be tried.
type blocking struct{}

func (blocking) receive(c *conn) (int, error) {
	if c.buf != nil && len(c.buf.Bytes) > c.want {
		c.release() // it waits with a small one
	}
	if !c.take() {
		return 0, errNoMemory
	}
	n, err := c.peer.Read(c.buf.Bytes)
	c.resize(n)
	return n, err
}

// take sees to a buffer: one of the size that c wants, or the one that it has, or
// a small one. Nothing is owed. False: there is no memory, or others have waited
// for it longer and c can do without.
func (c *conn) take() bool {
	if c.buf != nil && len(c.buf.Bytes) >= c.want {
		return true
	}
	if c.passes && c.server.cfg.Budget.Pool().Waiting() {
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

// release gives the buffer back, if c has one. Nothing in it may be owed.
func (c *conn) release() {
	if c.buf != nil {
		c.buf.Release()
		c.buf = nil
	}
}

// resize chooses the size of the next buffer after n bytes were received: twice
// as much if they filled this one, half if they needed less than a quarter of it.
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

// awaitMemory waits until there is a buffer, or until too late, which may be nil.
// arrived: there are bytes for it, so they are owed, and the stall timeout runs.
func (c *conn) awaitMemory(arrived bool, tooLate <-chan time.Time) error {
	if arrived {
		c.moved.owe(c.server.clock.now.Load())
	}
	w := c.server.cfg.Budget.Pool().Wait()
	defer w.Leave()
	look, stop := c.server.clock.sweeps()
	defer stop()
	for !c.take() {
		select {
		case <-w.Woken():
		case <-c.server.cutting:
			return net.ErrClosed
		case <-tooLate:
			return errNoMemory
		case <-look:
			if cause, over := c.server.clock.overdue(&c.moved); over {
				return ending(cause)
			}
		}
	}
	return nil
}

// refuseAfter is how long there must be no memory before a new TLS stream is
// refused: what is not owed is given back sooner.
const refuseAfter = 100 * time.Millisecond

// hasMemory reports whether there is memory to serve c with, a TLS stream that
// has just begun; bytes cannot be passed on without. False: c is refused and
// gone.
func (c *conn) hasMemory() bool {
	late := time.NewTimer(refuseAfter)
	defer late.Stop()
	switch err := c.awaitMemory(false, late.C); err {
	case nil:
		c.release()
		return true
	case errNoMemory:
		c.close(&c.server.count.Refused[engine.RefusedMemory])
	default:
		c.end(causeOf(err))
	}
	return false
}

// sweeps ticks as often as the janitor looks around; never, if it never does.
func (k *clock) sweeps() (ticks <-chan time.Time, stop func()) {
	if k.period == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(k.period * time.Duration(k.perSweep))
	return t.C, t.Stop
}

// The server's memory.

// mostCaches is how many caches of buffers a server has at most. Connections
// share them, so that processors seldom meet at one.
const mostCaches = 64

// newCaches makes a server's caches, a power of two of them.
func newCaches(cfg engine.Config, processors int) []*memory.Cache {
	n := 1
	for n < 4*processors && n < mostCaches {
		n *= 2
	}
	caches := make([]*memory.Cache, n)
	for i := range caches {
		caches[i] = cfg.Budget.Pool().NewCache(cfg.Buffer)
	}
	return caches
}

// closeCaches frees what is spare.
func (s *server) closeCaches() {
	for _, c := range s.caches {
		c.Close()
	}
}

// cacheOf is the cache that a connection's buffers are taken from.
func (s *server) cacheOf(number uint32) *memory.Cache {
	return s.caches[number&uint32(len(s.caches)-1)]
}

// held is how many bytes the server's buffers in use have.
func (s *server) held() (n int64) {
	for _, c := range s.caches {
		n += c.Held()
	}
	return n
}

// firstBuffer is how much a connection starts with, in bytes.
func (s *server) firstBuffer() int { return min(engine.MinBuffer, s.cfg.Buffer) }
