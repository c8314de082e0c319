package gonet

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/errno"
	"echod/internal/memory"
	"echod/internal/trace"
)

// conn is one connection. Its fields belong to the goroutine that runs serve. Other
// goroutines use the atomic ones, close socket to reset it, and set the deadline of
// socket to interrupt it.
type conn struct {
	server    *server
	socket    net.Conn  // the accepted connection
	transport transport // receives from the peer and sends to it
	number    uint32    // different for every connection of the process

	stream   echo.Stream   // how much was received and sent
	in, out  atomic.Uint64 // stream.In and stream.Out, for other goroutines
	lastMove lastMove      // when bytes last moved

	cache *memory.Cache  // where buffers come from
	buf   *memory.Buffer // nil while nothing is owed and nothing has arrived

	accepted time.Duration              // when, since clockStart
	life     atomic.Pointer[trace.Life] // nil unless the connection is traced; see traced
}

// lastNumber is the number of the last connection.
var lastNumber atomic.Uint32

func (s *server) newConn(peer net.Conn, config *tls.Config) *conn {
	c := &conn{server: s, socket: peer, number: lastNumber.Add(1), accepted: time.Since(clockStart)}
	c.cache = s.caches[c.number&uint32(len(s.caches)-1)]
	c.lastMove.set(s.clock.now.Load(), false)
	if config == nil {
		c.transport = transportOf(c)
	} else {
		c.transport = newTLSConn(c, config)
	}
	return c
}

// addr returns the address of the peer; invalid on a unix socket.
func (c *conn) addr() netip.AddrPort { return addrOf(c.socket) }

func addrOf(peer net.Conn) netip.AddrPort {
	if tcp, ok := peer.RemoteAddr().(*net.TCPAddr); ok {
		return unmapped(tcp.AddrPort())
	}
	return netip.AddrPort{}
}

// serve serves the connection from its first byte to its close. It runs in a goroutine
// of its own.
func (c *conn) serve() {
	if t, ok := c.transport.(*tlsConn); ok && !(c.hasMemory() && c.handshake(t)) {
		return // it is closed
	}
	c.end(c.echo())
}

// echo sends back what the peer sends until the stream ends, and returns why it ended.
// The stream decides what comes next. While the peer takes nothing, echo waits in
// send and reads nothing, so the peer's own window fills and it has to stop sending:
// this is all of the backpressure.
func (c *conn) echo() engine.Cause {
	for {
		var n int
		var err error
		life, begin := c.traced()
		switch c.stream.Next() {
		case echo.Read: // nothing is owed: wait until the peer sends something
			n, err = c.transport.receive(c)
			c.traceRead(life, begin, n, err)
			if n > 0 {
				c.stream.Received(n)
				c.in.Store(c.stream.In())
				c.buf.Owed = c.buf.Bytes[:n]
			}
			if err == errNoMemory {
				err = c.receiveWithoutMemory()
			}
			if err == io.EOF { // the peer has half-closed; it may still read
				c.stream.EOF()
				err = nil
			}
		case echo.Write: // send what is owed; wait until the peer takes it
			n, err = c.transport.send(c)
			c.traceWrite(life, begin, n, err)
			c.stream.Sent(n)
			c.out.Store(c.stream.Out())
			c.buf.Owed = c.buf.Owed[n:]
		case echo.Finish: // the peer has half-closed and was sent everything
			return engine.Finished
		}
		if n > 0 {
			c.lastMove.set(c.server.clock.now.Load(), c.stream.Owed() > 0)
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded): // interrupted: see timeout.go
			if cause, over := c.checkTimeout(); over {
				return cause
			}
		default:
			return causeOf(err)
		}
	}
}

// causeOf returns why a stream ended with err. A connection is closed by another
// goroutine only at the end of a drain.
func causeOf(err error) engine.Cause {
	if e, ok := errors.AsType[causeError](err); ok {
		return engine.Cause(e)
	}
	if errors.Is(err, net.ErrClosed) {
		return engine.Drained
	}
	return engine.ClassifyEnd(errno.Of(err))
}

// end closes the connection and counts why. Only a peer that has half-closed and was
// sent everything gets an end of file. Every other close is a reset, so that no
// client takes a part of the echo for all of it.
func (c *conn) end(cause engine.Cause) {
	if cause == engine.Finished {
		cause = c.halfClose()
	}
	c.close(&c.server.count.Closes[cause])
}

const (
	// smallestWindow is a number of bytes that fits into the receive window of any peer
	// at the start of a connection (tcp(7), tcp_rmem). The last bytes of a stream that
	// has sent less cannot be waiting for the peer to make room.
	smallestWindow = 1024
	// halfClose first checks after firstCheck whether the last bytes are acknowledged,
	// and then doubles the interval up to lastCheck.
	firstCheck = 10 * time.Millisecond
	lastCheck  = time.Second
)

// halfClose sends the peer an end of file, after the last bytes: a FIN, and under TLS a
// close_notify before it. It returns when the connection can be closed, with the cause
// to count.
//
// The kernel may still hold the last bytes, and it gives up a closed socket after some
// minutes (tcp(7), tcp_orphan_retries). So halfClose waits until the peer has
// acknowledged everything, the stall timeout is over, or a drain begins.
func (c *conn) halfClose() engine.Cause {
	if t, ok := c.transport.(*tlsConn); ok {
		if err := c.closeNotify(t); err != nil {
			return causeOf(err)
		}
	}
	tcp, ok := c.socket.(tcpConn)
	if !ok {
		return engine.Finished // close(2) is the end of file
	}
	if err := c.setLinger(tcp, -1); err != nil { // the close is a FIN again, not a reset
		return causeOf(err)
	}
	if c.stream.Out() < smallestWindow {
		return engine.Finished
	}
	left, err := c.undelivered(tcp)
	if err != nil || left == 0 {
		return engine.Finished
	}
	life, begin := c.traced()
	err = tcp.CloseWrite() // FIN
	life.Call(begin, c.socket, err, trace.Record{Op: trace.Shutdown, Call: "CloseWrite"})
	if err != nil {
		return causeOf(err)
	}
	c.server.count.Finishing.Add(1)
	defer c.server.count.Finishing.Add(-1)
	c.lastMove.set(c.server.clock.now.Load(), true)
	for wait := firstCheck; c.server.sleep(wait, c.server.draining) && !isClosed(c.server.draining); wait = min(2*wait, lastCheck) {
		now, err := c.undelivered(tcp)
		switch {
		case err != nil:
			return causeOf(err)
		case now == 0:
			return engine.Finished
		case now < left:
			left = now
			c.lastMove.set(c.server.clock.now.Load(), true)
		}
		if cause, over := c.server.clock.overdue(&c.lastMove); over {
			c.setLinger(tcp, 0)
			return cause
		}
	}
	return engine.Finished
}

// close closes the connection, gives back what it used, and counts it under why.
func (c *conn) close(why *atomic.Uint64) {
	s := c.server
	s.mu.Lock() // Stats adds up the open connections: no byte may be counted twice
	delete(s.conns, c)
	s.count.BytesIn.Add(c.stream.In())
	s.count.BytesOut.Add(c.stream.Out())
	s.mu.Unlock()
	life, begin := c.traced()
	err := c.socket.Close()
	life.Call(begin, c.socket, err, trace.Record{Op: trace.Close, Call: "Close"})
	s.count.Discarded.Add(uint64(c.stream.Owed()))
	why.Add(1)
	s.count.Active.Add(-1)
	c.release()
	s.cfg.Budget.Slots.ReleaseFor(c.addr().Addr())
	s.cfg.Budget.Slots.Release()
}
