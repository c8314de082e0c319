package gonet

import (
	"fmt"
	"time"

	"echod/internal/trace"
)

// A trace of this engine has the calls of package net: Go's runtime makes the system calls, and
// waits between them.

// beginLife begins the trace of an accepted connection, unless it is not traced.
func (c *conn) beginLife() {
	c.life = c.server.cfg.Trace.Begin(c.addr)
	if c.life == nil {
		return
	}
	peer := "unix"
	if c.addr.IsValid() {
		peer = c.addr.String()
	}
	c.life.Call(c.life.Now(), c.socket, nil, trace.Record{Op: trace.Accept, Call: "Accept", Peer: peer, Engine: "net", FD: -1})
}

func (c *conn) traceRead(begin time.Duration, n int, err error) {
	if c.life == nil || err == errNoMemory {
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
