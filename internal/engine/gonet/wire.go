package gonet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// wire is the connection below TLS. To crypto/tls the janitor's interrupt would
// be the end of everything, for of a record that was cut short the rest is never
// sent. So whoever is interrupted here looks at the time itself, and goes on.
type wire struct {
	net.Conn
	c       *conn
	fin     bool  // the peer has sent a FIN
	turn    *turn // while the handshake lasts
	records records
	ahead   []byte // what has arrived and crypto/tls has not read, a part of room
	room    [roomAhead]byte
	more    bool // the last receive filled what it had: there may be more
	socket  *tried
}

// roomAhead is how many bytes a wire receives before it has to know what they
// belong to: a short message with its header and all.
const roomAhead = 512

// tried is how a wire receives without waiting.
type tried struct {
	raw   syscall.RawConn
	once  func(fd uintptr) // made once: each would be an allocation
	into  []byte
	n     int
	errno syscall.Errno
}

// errNotYet is returned where a record goes on and the rest has not arrived. To
// crypto/tls it is temporary: it keeps what it has and may be asked again.
var errNotYet error = notYet{}

type notYet struct{}

func (notYet) Error() string   { return "the rest of a record has not arrived" }
func (notYet) Timeout() bool   { return false }
func (notYet) Temporary() bool { return true }

func newWire(c *conn) *wire {
	w := &wire{Conn: c.peer, c: c}
	w.socket = triedOf(c.peer, c.server.calls)
	return w
}

// Read gives crypto/tls bytes of the record that it reads, and none of a later
// one. It waits only during the handshake, and where there is no trying.
func (w *wire) Read(p []byte) (int, error) {
	if w.turn == nil {
		return w.next(p)
	}
	w.turn.give()
	n, err := w.next(p)
	if err == nil {
		err = w.turn.take()
	}
	return n, err
}

func (w *wire) next(p []byte) (n int, err error) {
	if rest := w.records.body; len(w.ahead) == 0 && rest > roomAhead {
		n, err = w.receive(p[:min(len(p), rest)])
		w.records.pass(p[:n])
		return n, err
	}
	if len(w.ahead) == 0 {
		n, err = w.receive(w.room[:])
		w.ahead = w.room[:n]
	}
	if len(w.ahead) == 0 {
		return 0, err
	}
	n = w.records.pass(w.ahead[:min(len(p), len(w.ahead))])
	copy(p, w.ahead[:n])
	w.ahead = w.ahead[n:]
	return n, nil
}

// receive waits or not, as Read must.
func (w *wire) receive(p []byte) (int, error) {
	if w.turn != nil || w.socket == nil {
		return w.await(p)
	}
	return w.try(p)
}

// wait waits until crypto/tls has something to read.
func (w *wire) wait() error {
	if len(w.ahead) > 0 {
		return nil
	}
	n, err := w.await(w.room[:])
	w.ahead = w.room[:n]
	return err
}

// try receives what is there without waiting.
func (w *wire) try(p []byte) (int, error) {
	if !w.more {
		return 0, errNotYet
	}
	s := w.socket
	s.into = p
	err := s.raw.Control(s.once)
	s.into = nil
	switch {
	case err != nil:
		return 0, err
	case s.errno == syscall.EAGAIN:
		w.more = false
		return 0, errNotYet
	case s.errno != 0:
		return 0, os.NewSyscallError("recv", s.errno)
	case s.n == 0:
		w.fin = true
		return 0, io.EOF
	}
	w.arrived(s.n, len(p))
	return s.n, nil
}

// arrived notes that n bytes have filled a part of size.
func (w *wire) arrived(n, size int) {
	_, owing := w.c.moved.get()
	w.stamp(owing)
	w.more = n == size
}

// await waits until something has arrived.
func (w *wire) await(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			w.arrived(n, len(p))
			return n, nil
		}
		w.fin = w.fin || err == io.EOF
		if err = w.review(err); err != nil {
			return 0, err
		}
	}
}

// Write sends all of p. What TLS has to say is owed like any other byte, even
// where the stream owes nothing: an answer to a change of keys, the close_notify.
func (w *wire) Write(p []byte) (sent int, err error) {
	_, owing := w.c.moved.get()
	w.c.moved.owe(w.c.server.clock.now.Load())
	for sent < len(p) && err == nil {
		var n int
		n, err = w.Conn.Write(p[sent:])
		if sent += n; n > 0 {
			w.stamp(sent < len(p) || owing)
		}
		err = w.review(err)
	}
	return sent, err
}

// stamp notes that bytes moved just now, and whether some are owed.
func (w *wire) stamp(owing bool) { w.c.moved.set(w.c.server.clock.now.Load(), owing) }

// review is nil if err was an interrupt and there is time left. The five seconds
// that crypto/tls gives its close_notify are such an interrupt, too: whoever reads
// slowly has more to read before it, and as long for it as for the rest.
func (w *wire) review(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause, over := w.c.review(); over {
		return ending(cause)
	}
	return nil
}
