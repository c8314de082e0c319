package admin

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"

	"echod/internal/accept"
)

// connLimit limits the number of open connections. At the limit, a new connection
// replaces the one that has been idle longest: kept alive by its client, with no request
// in progress. If none is idle, the new connection waits in the kernel's queue.
type connLimit struct {
	*accept.Listener
	slots *accept.Slots

	mu   sync.Mutex
	idle []net.Conn // the one that has been idle longest is first
	full bool       // a connection waits
}

func limitConns(ln net.Listener, max int, url string, log *slog.Logger) *connLimit {
	l := &connLimit{slots: accept.NewSlots(max, 0)}
	l.Listener = accept.NewListener(accept.Config{
		Socket: ln, Slots: l.slots, URL: url, Log: log,
		Count: func(r accept.Reason) {
			if r == accept.Full {
				l.makeRoom()
			}
		},
	})
	return l
}

// Accept must be called by one goroutine.
func (l *connLimit) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = false
	return conn, err
}

// makeRoom closes the connection that has been idle longest, now or as soon as one is
// idle.
func (l *connLimit) makeRoom() {
	l.mu.Lock()
	l.full = true
	victim := l.longestIdle()
	l.mu.Unlock()
	if victim != nil {
		victim.Close()
	}
}

// longestIdle removes and returns the connection that must be closed, if any. l.mu is
// held.
func (l *connLimit) longestIdle() net.Conn {
	if !l.full || len(l.idle) == 0 {
		return nil
	}
	victim := l.idle[0]
	l.idle = slices.Delete(l.idle, 0, 1)
	l.full = false
	return victim
}

// connState is the http.Server.ConnState.
func (l *connLimit) connState(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	l.idle = slices.DeleteFunc(l.idle, func(c net.Conn) bool { return c == conn })
	if state == http.StateIdle {
		l.idle = append(l.idle, conn)
	}
	victim := l.longestIdle()
	l.mu.Unlock()
	if victim != nil {
		victim.Close()
	}
}
