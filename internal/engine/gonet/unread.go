package gonet

import (
	"os"
	"sync"
	"syscall"

	"echod/internal/sock"
	"echod/internal/trace"
)

// In two cases a socket leaves owed bytes unread in the kernel: it peeks at bytes, sends
// them, and consumes as many as were sent. It does so only where sock.CanLeaveUnread.
//
// One is a unix socket. It has no SO_LINGER: its peer gets an end of file at every close,
// except that the kernel reports ECONNRESET if the socket had unread bytes. It does so
// even if the process is killed. So a peer with owed bytes gets ECONNRESET, however the
// connection ends.
//
// The other is a connection for which there is no memory. It needs more system calls for
// a message. All connections of a server share one buffer, which none of them holds while
// it waits.

// consume consumes the owed bytes that were sent. They are copied onto themselves, so the
// owed bytes do not change.
func (s *socket) consume(fd uintptr) {
	if s.n > 0 {
		s.errno = s.c.server.calls.Consume(fd, s.c.buf.Owed[:s.n])
	}
}

// canEchoUnread reports whether c can go on without a buffer.
func (c *conn) canEchoUnread() bool {
	_, ok := c.transport.(*socket)
	return ok && sock.CanLeaveUnread
}

type sharedBuffer struct {
	mu  sync.Mutex
	buf [64 << 10]byte
}

// echoUnread waits until some of the bytes that have arrived can be sent, and echoes those.
func (s *socket) echoUnread() error {
	c := s.c
	// The stream does not count these bytes before they are consumed, but the peer is
	// owed them.
	c.lastMove.owe(c.server.clock.now.Load())
	s.n, s.errno = 0, 0
	s.next = (*socket).tryEcho
	life, begin := c.traced()
	err := s.raw.Write(s.call)
	if s.n > 0 {
		life.Call(begin, c.socket, nil, trace.Record{Op: trace.Send, Call: "send", N: s.n, Asked: s.n})
		life.Call(begin, c.socket, nil, trace.Record{Op: trace.Receive, Call: "recv", N: s.n, Asked: s.n})
		c.stream.Received(s.n)
		c.stream.Sent(s.n)
		c.in.Store(c.stream.In())
		c.out.Store(c.stream.Out())
		c.lastMove.set(c.server.clock.now.Load(), false)
	}
	if err == nil && s.errno != 0 && (s.errno != syscall.EINTR || s.n > 0) {
		err = os.NewSyscallError("send", s.errno)
	}
	return err
}

// tryEcho echoes what can be sent. It returns false if that is nothing.
func (s *socket) tryEcho(fd uintptr) (done bool) {
	shared := &s.c.server.shared
	shared.mu.Lock()
	defer shared.mu.Unlock()
	s.n, s.errno = s.c.server.calls.EchoUnread(fd, shared.buf[:])
	return s.errno != syscall.EAGAIN
}
