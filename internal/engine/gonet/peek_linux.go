package gonet

import (
	"io"
	"net"
	"os"
	"syscall"

	"echod/internal/sock"
)

// A unix socket has no linger: to its peer every close looks like the end of
// all there was. But the kernel does tell the peer ECONNRESET if bytes lie
// unread when the socket is closed, and it does so even for a process that was
// killed. So here bytes stay unread until they have been sent back: whoever is
// owed anything gets a reset, however the connection ends.

// peeker is a unix connection whose Read only looks and whose Write takes away
// what it has sent.
type peeker struct {
	socketConn
	calls sock.Calls
	raw   syscall.RawConn
	look  func(fd uintptr) (done bool) // p.peek and p.take, made once:
	clear func(fd uintptr)             // a method value made for each message is an allocation
	buf   []byte                       // what they work on
	n     int
	errno syscall.Errno
}

// unread has peer's bytes stay in the kernel while they are owed.
func unread(peer socketConn, calls sock.Calls) (net.Conn, error) {
	raw, err := peer.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &peeker{socketConn: peer, calls: calls, raw: raw}
	p.look, p.clear = p.peek, p.take
	return p, calls.SetOOBInline(raw)
}

// Read waits for bytes and copies them. They stay where they are.
func (p *peeker) Read(buf []byte) (int, error) {
	p.buf = buf
	err := p.raw.Read(p.look)
	switch {
	case err != nil:
		return 0, err
	case p.errno != 0:
		return 0, os.NewSyscallError("recv", p.errno)
	case p.n == 0:
		return 0, io.EOF
	}
	return p.n, nil
}

// Write sends what Read has copied, and then takes those bytes out of the
// kernel: onto their own copies, so owed stays as it is.
func (p *peeker) Write(owed []byte) (int, error) {
	n, err := p.socketConn.Write(owed)
	p.buf = owed[:n]
	if gone := p.raw.Control(p.clear); gone != nil {
		return n, gone
	}
	if p.errno != 0 {
		return n, os.NewSyscallError("recv", p.errno)
	}
	return n, err
}

func (p *peeker) peek(fd uintptr) (done bool) {
	p.n, p.errno = p.calls.Peek(fd, p.buf)
	return p.errno != syscall.EAGAIN
}

func (p *peeker) take(fd uintptr) { p.errno = p.calls.Consume(fd, p.buf) }
