package gonet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"echod/internal/engine"
	"echod/internal/trace"
)

// A trace of this engine has the calls of package net: Go's runtime makes the system calls, and
// waits between them.

// beginLife begins the trace of an accepted connection; nil if it is not traced. addr is invalid on
// a unix socket.
func (s *server) beginLife(socket net.Conn, addr netip.AddrPort) *trace.Life {
	life := s.cfg.Trace.Begin(addr)
	if life == nil {
		return nil
	}
	life.Call(life.Now(), socket, nil, trace.Record{Op: trace.Accept, Call: "Accept", Peer: peerName(addr), Engine: "net", FD: -1})
	return life
}

// peerName returns the peer of a trace.
func peerName(addr netip.AddrPort) string {
	if addr.IsValid() {
		return addr.String()
	}
	return trace.UnixPeer
}

// Trace gives the connection another life, and interrupts it: it begins the life itself, so that
// no call is counted twice, or not at all.
func (s *server) Trace(_ context.Context, id uint64, life *trace.Life) (stop func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if engine.StreamID(c.number, -1) != id {
			continue
		}
		before := c.life.Load()
		life.RecordAlso(before)
		c.life.Store(life)
		c.socket.SetDeadline(time.Unix(1, 0))
		return func() { c.life.CompareAndSwap(life, before) }, nil
	}
	return nil, engine.ErrNoStream
}

// traced returns the life of c, which it begins if that is to do, and the time; nil if c is not
// traced. It must be called before each call that is traced, by the goroutine that makes it.
func (c *conn) traced() (life *trace.Life, begin time.Duration) {
	if life = c.life.Load(); life != nil {
		begin = c.timeOf(life)
	}
	return life, begin
}

func (c *conn) timeOf(life *trace.Life) time.Duration {
	if life.Opens() {
		c.beginNow(life)
	}
	return life.Now()
}

// lifeAfter returns the life that records a call, and when the call began in its time. life and
// begin are those before the call, and now is that after it. If the connection was interrupted
// within the call, under TLS, another life has begun meanwhile. A life that has not begun does so
// after the call.
func lifeAfter(now, life *trace.Life, begin time.Duration) (*trace.Life, time.Duration) {
	switch {
	case now == life, now.Opens():
		return life, begin
	case now == nil, life == nil:
		return now, now.Now()
	}
	return now, life.TimeIn(now, begin)
}

func (c *conn) beginNow(life *trace.Life) {
	life.Open(trace.Opened{Peer: peerName(c.addr()), Engine: "net", FD: -1, Age: time.Since(clockStart) - c.accepted,
		In: c.stream.In(), Out: c.stream.Out(), Held: trace.Inspect(c.socket)})
}

func (c *conn) traceRead(life *trace.Life, begin time.Duration, n int, err error) {
	now := c.life.Load()
	if now == nil || err == errNoMemory || n == 0 && err == nil { // a signal has interrupted it
		return
	}
	life, begin = lifeAfter(now, life, begin)
	rec := trace.Record{Op: trace.Receive, Call: "Read", N: n, Asked: c.server.cfg.Buffer}
	if c.buf != nil {
		rec.Asked, rec.Data = len(c.buf.Bytes), c.buf.Bytes[:n]
	}
	rec.Args = fmt.Sprint(rec.Asked)
	life.Call(begin, c.socket, err, rec)
}

func (c *conn) traceWrite(life *trace.Life, begin time.Duration, n int, err error) {
	now := c.life.Load()
	if now == nil {
		return
	}
	life, begin = lifeAfter(now, life, begin)
	life.Call(begin, c.socket, err, trace.Record{Op: trace.Send, Call: "Write", Args: fmt.Sprint(len(c.buf.Owed)),
		N: n, Asked: len(c.buf.Owed), Data: c.buf.Owed})
}

// traceHandshake records a TLS handshake, which ended with err.
func (c *conn) traceHandshake(life *trace.Life, begin time.Duration, err error) {
	life, begin = lifeAfter(c.life.Load(), life, begin)
	if errors.Is(err, io.EOF) { // only a stream may end with it
		err = io.ErrUnexpectedEOF
	}
	life.Call(begin, c.socket, err, trace.Record{Op: trace.Handshake, Call: "Handshake"})
}

// closeNotify sends the close_notify of TLS. The error is that of tlsConn.classify.
func (c *conn) closeNotify(t *tlsConn) error {
	life, begin := c.traced()
	err := t.classify(t.CloseWrite())
	life, begin = lifeAfter(c.life.Load(), life, begin)
	life.Call(begin, c.socket, err, trace.Record{Op: trace.CloseNotify, Call: "CloseWrite"})
	return err
}

// undelivered is sock.Calls.Undelivered.
func (c *conn) undelivered(tcp tcpConn) (int, error) {
	life, begin := c.traced()
	n, err := c.server.calls.Undelivered(tcp)
	life.Call(begin, c.socket, err, trace.Record{Op: trace.Query, Call: "ioctl", Args: "SIOCOUTQ", N: n})
	return n, err
}

// setLinger is SetLinger: -1 for a FIN, 0 for a reset.
func (c *conn) setLinger(tcp tcpConn, seconds int) error {
	life, begin := c.traced()
	err := tcp.SetLinger(seconds)
	op := trace.LingerOff
	if seconds >= 0 {
		op = trace.LingerOn
	}
	life.Call(begin, c.socket, err, trace.Record{Op: op, Call: "SetLinger", Args: fmt.Sprint(seconds)})
	return err
}
