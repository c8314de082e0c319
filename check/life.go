package check

import (
	"net"
	"sync"
	"syscall"
	"time"

	"echod/internal/dial"
	"echod/internal/sock"
)

// A wait on a connection fails if nothing moves on it for the timeout. Something moves
// when bytes arrive, when the kernel accepts bytes, and when the other side acknowledges
// some. A single call does not show that: Linux reports a socket as writable only when a
// third of its send buffer is free, which is megabytes on a slow path, and a reader waits
// for what is still queued in the other direction.

// life is when something last moved on a connection, in either direction.
type life struct {
	mu     sync.Mutex
	moved  time.Time
	queued int // in the send queue when it was last read
}

func (l *life) touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = time.Now()
}

// lastMoved reads the send queue of c: its length changes when something moves.
func (l *life) lastMoved(c net.Conn) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if socket, ok := dial.Transport(c).(syscall.Conn); ok {
		if n, ok := (sock.Calls{}).SendQueue(socket); ok && n != l.queued {
			l.queued, l.moved = n, time.Now()
		}
	}
	return l.moved
}

// unacknowledged returns how many bytes are in the send queue of c; 0 if this is unknown.
func (l *life) unacknowledged(c net.Conn) int {
	l.lastMoved(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued
}

// looksPerTimeout is how often in a timeout a wait finds out whether something moved.
const looksPerTimeout = 20

// await runs call, a read or a write, with a deadline that set sets. It extends the
// deadline while something moves. It does so during the call: a *tls.Conn whose Write
// has timed out cannot be used again.
func (s *stream) await(set func(time.Time) error, call func([]byte) (int, error), p []byte) (int, error) {
	var (
		mu    sync.Mutex
		ended bool
		last  = time.Now()
		timer *time.Timer
		every = max(s.timeout/looksPerTimeout, time.Millisecond)
	)
	s.life.lastMoved(s.Conn)
	set(last.Add(s.timeout))
	mu.Lock()
	timer = time.AfterFunc(every, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		if moved := s.life.lastMoved(s.Conn); moved.After(last) {
			last = moved
			set(last.Add(s.timeout))
		}
		timer.Reset(every)
	})
	mu.Unlock()
	n, err := call(p)
	mu.Lock()
	defer mu.Unlock()
	ended = true
	timer.Stop()
	if n > 0 {
		s.life.touch()
	}
	return n, err
}

func (s *stream) awaitRead(p []byte) (int, error) {
	return s.await(s.SetReadDeadline, s.Read, p)
}

func (s *stream) awaitWrite(p []byte) (int, error) {
	return s.await(s.SetWriteDeadline, s.Write, p)
}

// discard reads until the stream ends, and returns how.
func (s *stream) discard() error {
	buf := make([]byte, 4<<10)
	for {
		if _, err := s.awaitRead(buf); err != nil {
			return err
		}
	}
}
