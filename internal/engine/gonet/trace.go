package gonet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

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
	peer := trace.UnixPeer
	if addr.IsValid() {
		peer = addr.String()
	}
	life.Call(life.Now(), socket, nil, trace.Record{Op: trace.Accept, Call: "Accept", Peer: peer, Engine: "net", FD: -1})
	return life
}

func (c *conn) traceRead(begin time.Duration, n int, err error) {
	if c.life == nil || err == errNoMemory || n == 0 && err == nil { // a signal has interrupted it
		return
	}
	rec := trace.Record{Op: trace.Receive, Call: "Read", N: n, Asked: c.want}
	if n > 0 {
		rec.Asked, rec.Data = len(c.buf.Bytes), c.buf.Bytes[:n]
	}
	rec.Args = fmt.Sprint(rec.Asked)
	c.life.Call(begin, c.socket, err, rec)
}

func (c *conn) traceWrite(begin time.Duration, n int, err error) {
	if c.life == nil {
		return
	}
	c.life.Call(begin, c.socket, err, trace.Record{Op: trace.Send, Call: "Write", Args: fmt.Sprint(len(c.buf.Owed)),
		N: n, Asked: len(c.buf.Owed), Data: c.buf.Owed})
}

// traceHandshake records a TLS handshake, which ended with err.
func (c *conn) traceHandshake(begin time.Duration, err error) {
	if errors.Is(err, io.EOF) { // only a stream may end with it
		err = io.ErrUnexpectedEOF
	}
	c.life.Call(begin, c.socket, err, trace.Record{Op: trace.Handshake, Call: "Handshake"})
}

// closeNotify sends the close_notify of TLS. The error is that of tlsConn.classify.
func (c *conn) closeNotify(t *tlsConn) error {
	begin := c.life.Now()
	err := t.classify(t.CloseWrite())
	c.life.Call(begin, c.socket, err, trace.Record{Op: trace.CloseNotify, Call: "CloseWrite"})
	return err
}

// undelivered is sock.Calls.Undelivered.
func (c *conn) undelivered(tcp tcpConn) (int, error) {
	begin := c.life.Now()
	n, err := c.server.calls.Undelivered(tcp)
	c.life.Call(begin, c.socket, err, trace.Record{Op: trace.Query, Call: "ioctl", Args: "SIOCOUTQ", N: n})
	return n, err
}

// setLinger is SetLinger: -1 for a FIN, 0 for a reset.
func (c *conn) setLinger(tcp tcpConn, seconds int) error {
	begin := c.life.Now()
	err := tcp.SetLinger(seconds)
	op := trace.LingerOff
	if seconds >= 0 {
		op = trace.LingerOn
	}
	c.life.Call(begin, c.socket, err, trace.Record{Op: op, Call: "SetLinger", Args: fmt.Sprint(seconds)})
	return err
}
