package accept

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"echod/internal/errno"
)

// Config is the configuration of a Listener.
type Config struct {
	// Socket is the listening socket. The Listener closes it. If Drain is called, the
	// socket must have a method SetDeadline, as the listeners of package net have.
	Socket net.Listener
	// Slots limits the number of open connections; nil means no limit.
	Slots *Slots
	// Shared is true if another process listens on the socket, too. Connections in
	// the queue at the end of a drain are then left to that process.
	Shared bool
	// QueueLength returns how many connections are in the queue now, or a negative
	// number if the system does not report it; nil means that it does not.
	QueueLength func() int
	// Pending reports whether any connection is in the queue. If it is nil, a queue
	// counts as empty when no connection comes within Grace.
	Pending func() bool
	// Count is called for each Event with Counted; it may be nil.
	Count func(Reason)
	// URL names the listener in the log.
	URL string
	// Log receives a line for pauses of the listener; nil discards them.
	Log *slog.Logger
}

// ErrNoSlot is returned together with a connection that has no slot and will get none,
// because the listener is about to close. The caller resets and counts the connection.
var ErrNoSlot = errors.New("no slot for the connection")

// Listener is a net.Listener that accepts as a Policy decides. No error of accept(2)
// ends it: only Close and Drain do. AcceptConn and Accept must be called from one
// goroutine at a time, all other methods from any.
type Listener struct {
	cfg      Config
	policy   Policy
	start    time.Time
	slotFree chan struct{} // holds a token if a slot may be free

	closing  bool // the policy has returned Close: connections still in the queue are late
	draining context.Context
	drain    context.CancelFunc
	measured sync.Once // sets the next two
	drainAt  int64     // when Drain was called
	queued   int       // the length of the queue then, or a negative number
	aborted  context.Context
	abort    context.CancelFunc
	closed   sync.Once
	closeErr error
}

// NewListener returns a Listener for a socket that is bound and listens.
func NewListener(cfg Config) *Listener {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Listener{cfg: cfg, start: time.Now(), slotFree: make(chan struct{}, 1)}
	l.draining, l.drain = context.WithCancel(context.Background())
	l.aborted, l.abort = context.WithCancel(context.Background())
	if cfg.Slots != nil {
		cfg.Slots.OnRelease(func() {
			select {
			case l.slotFree <- struct{}{}:
			default:
			}
		})
	}
	return l
}

// Addr returns the address of the socket.
func (l *Listener) Addr() net.Addr { return l.cfg.Socket.Addr() }

// Drain ends the wait for new connections. Those in the queue are accepted as slots
// become free. Then AcceptConn returns net.ErrClosed.
func (l *Listener) Drain() {
	// The queue is measured here and not when AcceptConn sees the drain. AcceptConn may
	// be in a pause or wait for a slot, and connections that come meanwhile are late.
	l.measured.Do(func() {
		l.drainAt, l.queued = l.now(), -1
		if l.cfg.QueueLength != nil {
			l.queued = l.cfg.QueueLength()
		}
	})
	l.drain()
	l.setDeadline(time.Unix(1, 0))
}

func (l *Listener) setDeadline(t time.Time) {
	if s, ok := l.cfg.Socket.(interface{ SetDeadline(time.Time) error }); ok {
		s.SetDeadline(t)
	}
}

// Abort is a Drain that does not wait for slots: AcceptConn returns the connections in
// the queue with ErrNoSlot, then net.ErrClosed.
func (l *Listener) Abort() {
	l.abort()
	l.Drain()
}

// Close closes the socket. AcceptConn returns net.ErrClosed from then on. Close may be
// called more than once.
func (l *Listener) Close() error {
	l.abort()
	l.closed.Do(func() { l.closeErr = l.cfg.Socket.Close() })
	return l.closeErr
}

// Accept returns the next connection. Closing the connection releases its slot. After
// Close, and at the end of a drain, the error is net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptConn()
		switch {
		case err == nil && l.cfg.Slots != nil:
			return &slotConn{Conn: conn, slots: l.cfg.Slots}, nil
		case err == nil:
			return conn, nil
		case conn == nil:
			return nil, err
		}
		conn.Close()
	}
}

// AcceptConn returns the next connection as the socket returned it. The caller must
// release its slot. After Close, and at the end of a drain, the error is net.ErrClosed.
// With the error ErrNoSlot it returns a connection that has no slot.
func (l *Listener) AcceptConn() (net.Conn, error) {
	for {
		if l.draining.Err() != nil {
			l.policy.Drain(l.drainAt, l.queued) // only the first call has an effect
			l.closing = l.closing || l.policy.Next(l.now()) == Close
		}
		late := l.closing
		conn, err := l.accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		step, event := l.policy.Result(l.now(), numberOf(err))
		l.report(event, err)
		l.closing = l.closing || step == Close
		switch {
		case err == nil:
			return l.acquireSlot(conn, late)
		case l.closing, step == Pause && !l.sleep(time.Duration(l.policy.Until()-l.now())):
			return nil, net.ErrClosed
		}
	}
}

// accept waits for a connection. In a drain it waits only until the queue is empty.
func (l *Listener) accept() (net.Conn, error) {
	switch {
	case l.draining.Err() == nil:
		return l.cfg.Socket.Accept()
	case l.closing && l.cfg.Shared:
		return nil, net.ErrClosed
	case l.cfg.Pending != nil:
		return l.acceptPending()
	}
	return l.acceptWithinGrace()
}

const (
	// acceptWithin is the deadline for accepting a connection that is in the queue. On
	// a busy machine the deadline can pass before package net looks at the queue, and
	// then package net does not look at all. So there are maxTries tries.
	acceptWithin = 100 * time.Millisecond
	maxTries     = 5
)

// acceptPending returns the next connection in the queue, or os.ErrDeadlineExceeded if
// there is none. A queue also counts as empty if Pending reports a connection that
// cannot be accepted: a unix listener that another process has shut down is readable
// forever.
func (l *Listener) acceptPending() (net.Conn, error) {
	for tries := 0; tries < maxTries; {
		if !l.cfg.Pending() {
			grace := l.policy.Grace() - l.now()
			if grace <= 0 || !l.sleep(time.Duration(grace)) {
				return nil, os.ErrDeadlineExceeded
			}
			continue
		}
		l.setDeadline(time.Now().Add(acceptWithin))
		if conn, err := l.cfg.Socket.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		tries++
	}
	return nil, os.ErrDeadlineExceeded
}

// acceptWithinGrace returns the next connection in the queue, or os.ErrDeadlineExceeded
// if none comes within Grace: package net has no accept that does not wait.
func (l *Listener) acceptWithinGrace() (conn net.Conn, err error) {
	for range maxTries {
		l.setDeadline(time.Now().Add(Grace))
		if conn, err = l.cfg.Socket.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
	}
	return nil, err
}

// numberOf returns the error number of accept(2). It is EAGAIN after a deadline, as on
// a non-blocking socket.
func numberOf(err error) syscall.Errno {
	switch number := errno.Of(err); {
	case err == nil:
		return 0
	case errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.EAGAIN
	case number == 0:
		return syscall.EINVAL // an error without a number: it counts as Other
	default:
		return number
	}
}

// acquireSlot waits for a slot for conn, unless conn is late. A slot is acquired after
// accept, not before it: a listener without connections must not keep a slot from the
// other listeners.
func (l *Listener) acquireSlot(conn net.Conn, late bool) (net.Conn, error) {
	if late {
		return conn, ErrNoSlot
	}
	if l.cfg.Slots == nil {
		return conn, nil
	}
	for first := true; !l.cfg.Slots.Acquire(); first = false {
		if first {
			_, event := l.policy.Full(l.now())
			l.report(event, nil)
		}
		select {
		case <-l.slotFree:
		case <-l.aborted.Done():
			return conn, ErrNoSlot
		}
	}
	l.policy.SlotFree()
	return conn, nil
}

// sleep waits for d. It returns false at once when Close or Abort is called.
func (l *Listener) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.aborted.Done():
		return false
	}
}

func (l *Listener) report(e Event, err error) {
	if e.Counted && l.cfg.Count != nil {
		l.cfg.Count(e.Reason)
	}
	if e.Log {
		LogPause(l.cfg.Log, l.cfg.URL, e, err)
	}
}

// LogPause logs that the listener at url pauses. err is nil if the reason is not a call
// that failed.
func LogPause(log *slog.Logger, url string, e Event, err error) {
	attrs := []slog.Attr{slog.String("url", url), slog.String("reason", e.Reason.String())}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	if e.Unlogged > 0 {
		attrs = append(attrs, slog.Int("unlogged", e.Unlogged))
	}
	log.LogAttrs(context.Background(), slog.LevelWarn, "listener paused", attrs...)
}

// now returns the time for the Policy.
func (l *Listener) now() int64 { return int64(time.Since(l.start)) }

// slotConn is a connection that releases its slot when it is closed.
type slotConn struct {
	net.Conn
	slots    *Slots
	released sync.Once
}

func (c *slotConn) Close() error {
	err := c.Conn.Close()
	c.released.Do(c.slots.Release)
	return err
}
