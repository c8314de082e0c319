package gonet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"echod/internal/sock"
	"echod/internal/trace"
)

// wire is the connection below TLS. tls.Conn treats an interrupted read or write as the
// end of the connection, because a part of a record cannot be sent again. So wire checks
// the timeout itself when it is interrupted, and goes on.
type wire struct {
	net.Conn
	c        *conn
	slot     *handshakeSlot // nil after the handshake
	fin      bool           // the peer has sent a FIN
	records  recordTracker
	buffered []byte // received and not read by tls.Conn, a part of buffer
	buffer   [readAhead]byte
	more     bool // the last receive filled its buffer: there may be more
	socket   *wireSocket
}

// readAhead is how many bytes a wire receives before it knows to which record they
// belong: enough for a short message with its header.
const readAhead = 512

// errIncomplete is returned where the rest of a record has not arrived. tls.Conn keeps
// what it has after a temporary error, and can be read again.
var errIncomplete error = incompleteError{}

type incompleteError struct{}

func (incompleteError) Error() string   { return "the rest of a record has not arrived" }
func (incompleteError) Timeout() bool   { return false }
func (incompleteError) Temporary() bool { return true }

func newWire(c *conn) *wire { return &wire{Conn: c.socket, c: c, socket: wireSocketOf(c)} }

// Read gives tls.Conn bytes of one record, never of two. It waits during the handshake,
// and if the connection cannot be read without waiting. Otherwise it returns
// errIncomplete when nothing has arrived.
func (w *wire) Read(p []byte) (int, error) {
	if w.slot == nil {
		return w.readRecord(p)
	}
	w.slot.release()
	n, err := w.readRecord(p)
	if err == nil {
		err = w.slot.acquire()
	}
	return n, err
}

func (w *wire) readRecord(p []byte) (n int, err error) {
	receive := w.receive
	if w.slot != nil || w.socket == nil {
		receive = w.waitReceive
	}
	if rest := w.records.body; len(w.buffered) == 0 && rest > readAhead {
		n, err = receive(p[:min(len(p), rest)])
		w.records.advance(p[:n])
		return n, err
	}
	if len(w.buffered) == 0 {
		n, err = receive(w.buffer[:])
		w.buffered = w.buffer[:n]
	}
	if len(w.buffered) == 0 {
		return 0, err
	}
	n = w.records.advance(w.buffered[:min(len(p), len(w.buffered))])
	copy(p, w.buffered[:n])
	w.buffered = w.buffered[n:]
	return n, nil
}

// wait waits until tls.Conn has something to read.
func (w *wire) wait() error {
	if len(w.buffered) > 0 {
		return nil
	}
	n, err := w.waitReceive(w.buffer[:])
	w.buffered = w.buffer[:n]
	return err
}

// waitReceive waits until bytes have arrived.
func (w *wire) waitReceive(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			w.received(n, len(p))
			return n, nil
		}
		w.fin = w.fin || err == io.EOF
		if err = w.checkTimeout(err); err != nil {
			return 0, err
		}
	}
}

// receive receives what has arrived. It does not wait.
func (w *wire) receive(p []byte) (int, error) {
	if !w.more {
		return 0, errIncomplete
	}
	s := w.socket
	s.buf = p
	err := s.raw.Control(s.recv)
	s.buf = nil
	switch {
	case err != nil:
		return 0, err
	case s.errno == syscall.EAGAIN, s.errno == syscall.EINTR: // waitReceive comes next
		w.more = false
		return 0, errIncomplete
	case s.errno != 0:
		return 0, os.NewSyscallError("recv", s.errno)
	case s.n == 0:
		w.fin = true
		return 0, io.EOF
	}
	w.received(s.n, len(p))
	return s.n, nil
}

// received is called after n bytes were received into a buffer of this size.
func (w *wire) received(n, size int) {
	_, owing := w.c.lastMove.get()
	w.c.lastMove.set(w.c.server.clock.now.Load(), owing)
	w.more = n == size
}

// wireSocket receives without waiting.
type wireSocket struct {
	raw   syscall.RawConn
	recv  func(fd uintptr) // made once: each would be an allocation
	buf   []byte           // what recv receives into
	n     int
	errno syscall.Errno
}

// wireSocketOf returns nil if the connection cannot be read without waiting.
func wireSocketOf(c *conn) *wireSocket {
	tcp, ok := c.socket.(tcpConn)
	if !ok || !sock.CanRecv {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &wireSocket{raw: raw}
	s.recv = func(fd uintptr) { s.n, s.errno = c.server.calls.Recv(fd, s.buf) }
	return s
}

// Write sends all of p. What TLS itself sends, e.g. the answer to a key update or a
// close_notify, is owed like any other byte, although the stream does not count it.
func (w *wire) Write(p []byte) (sent int, err error) {
	_, owing := w.c.lastMove.get()
	w.c.lastMove.owe(w.c.server.clock.now.Load())
	for sent < len(p) && err == nil {
		var n int
		n, err = w.Conn.Write(p[sent:])
		if sent += n; n > 0 {
			w.c.lastMove.set(w.c.server.clock.now.Load(), sent < len(p) || owing)
		}
		err = w.checkTimeout(err)
	}
	return sent, err
}

// checkTimeout returns nil if err is an interrupt and no timeout is over. tls.Conn sets
// a deadline of five seconds for its close_notify: this is such an interrupt too,
// because a slow reader must have as much time for close_notify as for all bytes before.
func (w *wire) checkTimeout(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause, over := w.c.checkTimeout(); over {
		return causeError(cause)
	}
	return nil
}

// lingeringClose sends a FIN after an alert, and waits until the client has read both or
// lingerTimeout is over: a reset may overtake an alert. It is not a clean end, because
// there was no close_notify.
func (w *wire) lingeringClose() {
	tcp, ok := w.Conn.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	life, begin := w.c.traced()
	err := tcp.CloseWrite()
	life.Call(begin, w.c.socket, err, trace.Record{Op: trace.Shutdown, Call: "CloseWrite"})
	if err == nil {
		w.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
		io.CopyN(io.Discard, w.Conn, lingerBytes)
	}
}

// headerSize is the size of the header of a TLS record: a type, a version, and the size
// of the body in two bytes (RFC 8446, section 5.1).
const headerSize = 5

// recordTracker finds the ends of TLS records in the bytes of a connection.
type recordTracker struct {
	header [headerSize]byte
	seen   int // bytes of the header that have passed
	body   int // bytes of the body that are still to come
}

// advance takes the next bytes of the connection, p. It returns how many of them belong
// to the current record, or else to the first one in p, and passes over these. It
// returns at least 1 if p is not empty.
func (r *recordTracker) advance(p []byte) (n int) {
	n = copy(r.header[r.seen:], p)
	if r.seen += n; r.seen < headerSize {
		return n
	}
	if n > 0 {
		r.body = int(r.header[3])<<8 | int(r.header[4])
	}
	rest := min(r.body, len(p)-n)
	r.body -= rest
	if r.body == 0 {
		r.seen = 0
	}
	return n + rest
}
