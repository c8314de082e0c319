package gonet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/trace"
)

// Both types here leave owed bytes unread in the kernel: they peek at bytes, send them,
// and consume as many as were sent. It is done only where sock.CanLeaveUnread.

// peekConn is a unix connection. A unix socket has no SO_LINGER: its peer gets an end of
// file at every close, except that the kernel reports ECONNRESET if the socket had
// unread bytes. It does so even if the process is killed. So the source of a peekConn
// only peeks, and Write consumes what it has sent: a peer with owed bytes gets
// ECONNRESET, however the connection ends.
type peekConn struct {
	socketConn
	calls   sock.Calls
	raw     syscall.RawConn
	consume func(fd uintptr) // made once: each would be an allocation
	sent    []byte           // what consume is to consume
	errno   syscall.Errno    // of consume
}

func newPeekConn(peer socketConn, calls sock.Calls) (*peekConn, error) {
	raw, err := peer.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &peekConn{socketConn: peer, calls: calls, raw: raw}
	p.consume = func(fd uintptr) { p.errno = p.calls.Consume(fd, p.sent) }
	return p, calls.SetOOBInline(raw)
}

// Write sends owed bytes that were peeked at and consumes as many as it has sent. They
// are copied onto themselves, so owed does not change.
func (p *peekConn) Write(owed []byte) (int, error) {
	n, err := p.socketConn.Write(owed)
	p.sent = owed[:n]
	if closed := p.raw.Control(p.consume); closed != nil {
		return n, closed
	}
	if p.errno != 0 {
		return n, os.NewSyscallError("recv", p.errno)
	}
	return n, err
}

// unbuffered echoes the bytes of a connection when there is no memory for a buffer. It
// needs more system calls for a message. All connections of a server share one buffer,
// which none of them holds while it waits.
type unbuffered struct {
	shared  *sharedBuffer
	calls   sock.Calls
	raw     syscall.RawConn
	arrived func(fd uintptr) (done bool) // peek and move, made once: each would be an
	moved   func(fd uintptr) (done bool) // allocation
	one     [1]byte                      // the first byte that has arrived
	n       int
	errno   syscall.Errno
}

type sharedBuffer struct {
	mu  sync.Mutex
	buf [engine.DefaultBuffer / 4]byte
}

func newUnbuffered(c *conn) (*unbuffered, error) {
	raw, err := c.peer.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &unbuffered{shared: &c.server.shared, calls: c.server.calls, raw: raw}
	b.arrived, b.moved = b.peek, b.move
	return b, nil
}

func (b *unbuffered) peek(fd uintptr) (done bool) {
	b.n, b.errno = b.calls.Peek(fd, b.one[:])
	return b.errno != syscall.EAGAIN
}

func (b *unbuffered) move(fd uintptr) (done bool) {
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	b.n, b.errno = b.calls.EchoUnread(fd, b.shared.buf[:])
	return b.errno != syscall.EAGAIN
}

// echoUnread waits until bytes have arrived and until some of them can be sent, and
// echoes those. It returns io.EOF if the peer has half-closed.
func (c *conn) echoUnread() (err error) {
	if c.unbuffered == nil {
		if c.unbuffered, err = newUnbuffered(c); err != nil {
			return err
		}
	}
	b := c.unbuffered
	if err := b.raw.Read(b.arrived); err != nil {
		return err
	}
	switch {
	case b.errno == syscall.EINTR:
		return nil
	case b.errno != 0:
		return os.NewSyscallError("recv", b.errno)
	case b.n == 0:
		return io.EOF
	}
	// The stream does not count these bytes before they are consumed, but the peer is
	// owed them.
	c.lastMove.owe(c.server.clock.now.Load())
	b.n, b.errno = 0, 0
	life, begin := c.traced()
	err = b.raw.Write(b.moved)
	if b.n > 0 {
		life.Call(begin, c.socket, nil, trace.Record{Op: trace.Send, Call: "send", N: b.n, Asked: b.n})
		life.Call(begin, c.socket, nil, trace.Record{Op: trace.Receive, Call: "recv", N: b.n, Asked: b.n})
		c.stream.Received(b.n)
		c.stream.Sent(b.n)
		c.in.Store(c.stream.In())
		c.out.Store(c.stream.Out())
		c.lastMove.set(c.server.clock.now.Load(), false)
	}
	if err == nil && b.errno != 0 && (b.errno != syscall.EINTR || b.n > 0) {
		err = os.NewSyscallError("send", b.errno)
	}
	return err
}

var _ net.Conn = (*peekConn)(nil)
