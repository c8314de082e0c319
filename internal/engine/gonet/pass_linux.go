package gonet

import (
	"io"
	"os"
	"sync"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
)

// When the budget is spent, whoever has no buffer is not sent away for it. Its
// bytes are left in the kernel: looked at, sent, and then taken as far as they
// were sent, through one buffer that all of these connections share and that
// nobody holds while waiting. It takes more calls for a message, and no memory.

// canPass tells that a connection can be served without a buffer.
const canPass = true

// lent is the buffer that all passages of a server share.
type lent struct {
	mu  sync.Mutex
	buf [engine.DefaultBuffer / 4]byte
}

// passage is a connection's way of passing bytes on without holding any.
type passage struct {
	lent    *lent
	calls   sock.Calls
	raw     syscall.RawConn
	arrived func(fd uintptr) (done bool) // p.peek and p.move, made once for all
	moved   func(fd uintptr) (done bool) // messages: each would be an allocation
	one     [1]byte                      // of what has arrived
	n       int
	errno   syscall.Errno
}

// pass gives the peer back what has arrived, as far as the kernel takes it at
// once. Bytes that wait for the peer to read are owed to it, though the books,
// which begin where bytes are taken, do not know them yet.
func (c *conn) pass() error {
	p, err := c.passage()
	if err != nil {
		return err
	}
	if err := p.await(); err != nil {
		return c.ended(err)
	}
	c.moved.owe(c.server.clock.now.Load())
	n, err := p.turn()
	c.passed(n)
	return err
}

// passed books n bytes that came and went in one turn.
func (c *conn) passed(n int) {
	c.stream.Received(n)
	c.stream.Sent(n)
	c.copied.in.Store(c.stream.In())
	c.copied.out.Store(c.stream.Out())
	c.stamp(n)
}

// passage is made when it is first needed.
func (c *conn) passage() (*passage, error) {
	if c.way == nil {
		raw, err := c.peer.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil, err
		}
		p := &passage{lent: &c.server.lent, calls: c.server.calls, raw: raw}
		p.arrived, p.moved = p.peek, p.move
		c.way = p
	}
	return c.way, nil
}

// await waits until something has arrived; io.EOF: nothing will.
func (p *passage) await() error {
	err := p.raw.Read(p.arrived)
	switch {
	case err != nil:
		return err
	case p.errno != 0:
		return os.NewSyscallError("recv", p.errno)
	case p.n == 0:
		return io.EOF
	}
	return nil
}

// turn waits until some of what has arrived can be sent, and moves that.
func (p *passage) turn() (int, error) {
	p.n, p.errno = 0, 0
	err := p.raw.Write(p.moved)
	if err == nil && p.errno != 0 {
		err = os.NewSyscallError("send", p.errno)
	}
	return p.n, err
}

func (p *passage) peek(fd uintptr) (done bool) {
	p.n, p.errno = p.calls.Peek(fd, p.one[:])
	return p.errno != syscall.EAGAIN
}

func (p *passage) move(fd uintptr) (done bool) {
	p.lent.mu.Lock()
	defer p.lent.mu.Unlock()
	p.n, p.errno = p.calls.EchoUnread(fd, p.lent.buf[:])
	return p.errno != syscall.EAGAIN
}
