package admin

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// connLimit is a listener that lets at most max connections be open. When there
// are that many, a new caller takes the place of the one that has been idle longest:
// kept alive by its client, with no request under way. If none is idle, the caller
// waits, and those behind it stay in the kernel's queue.
type connLimit struct {
	net.Listener
	max int

	changed chan struct{} // has a value after a connection was closed or became idle
	over    chan struct{} // closed by Close
	once    sync.Once

	mu   sync.Mutex
	open int
	idle []net.Conn // the one that is idle longest first
}

func limitConns(ln net.Listener, max int) *connLimit {
	return &connLimit{Listener: ln, max: max, changed: make(chan struct{}, 1), over: make(chan struct{})}
}

// Accept is called by one goroutine.
func (l *connLimit) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for !l.admit() {
		select {
		case <-l.changed:
		case <-l.over:
			conn.Close()
			return nil, net.ErrClosed
		}
	}
	return &limitedConn{Conn: conn, limit: l}, nil
}

// admit takes a place for a new connection if there is one. If not, it closes the
// connection that is idle longest; its place is free when that is done.
func (l *connLimit) admit() bool {
	l.mu.Lock()
	if l.open < l.max {
		l.open++
		l.mu.Unlock()
		return true
	}
	var victim net.Conn
	if len(l.idle) > 0 {
		victim = l.idle[0]
		l.idle = slices.Delete(l.idle, 0, 1)
	}
	l.mu.Unlock()
	if victim != nil {
		victim.Close()
	}
	return false
}

// connState is for http.Server.ConnState.
func (l *connLimit) connState(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = slices.DeleteFunc(l.idle, func(c net.Conn) bool { return c == conn })
	if state == http.StateIdle {
		l.idle = append(l.idle, conn)
		l.signal()
	}
}

func (l *connLimit) leave(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.idle = slices.DeleteFunc(l.idle, func(c net.Conn) bool { return c == conn })
	l.signal()
}

func (l *connLimit) signal() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Close may be called more than once, as net/http and Shutdown do.
func (l *connLimit) Close() (err error) {
	l.once.Do(func() {
		close(l.over)
		err = l.Listener.Close()
	})
	return err
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	once  sync.Once
	limit *connLimit
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.limit.leave(c) })
	return err
}
