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

// Config is what a Listener is made of.
type Config struct {
	// Socket is the listening socket. It is closed by the Listener. A socket that is
	// to be drained must have SetDeadline, as those of package net have.
	Socket net.Listener
	// Places is the limit on open connections; nil means no limit.
	Places *Places
	// Shared reports that another process listens on the socket, too. Callers in
	// its queue at the end of a drain are then left to that process.
	Shared bool
	// Queued returns how many callers are in the queue now, or a negative number
	// if the system does not say; nil means that it does not.
	Queued func() int
	// Waiting reports whether there are any. Without it, nil, a queue is taken to be
	// empty when nobody comes for a while.
	Waiting func() bool
	// Count is called for each Event that is counted; nil means nobody counts.
	Count func(Reason)
	// URL names the listener in the log.
	URL string
	// Log receives the pauses of the listener; nil discards them.
	Log *slog.Logger
}

// ErrNoPlace is returned together with a connection for which there is no place
// and, because the listener is about to close, will be none. The caller resets and
// counts it.
var ErrNoPlace = errors.New("no place for the connection")

// Listener accepts as a Policy decides: no error of accept(2) ends it, only Close
// and Drain do. It is a net.Listener. AcceptConn and Accept are called from one
// goroutine at a time, everything else from any.
type Listener struct {
	cfg    Config
	policy Policy
	start  time.Time
	freed  chan struct{} // holds a token when a place may be free

	closing  bool // the policy has said Close: whoever is still in the queue is late
	draining context.Context
	drain    context.CancelFunc
	measured sync.Once // the next two are set
	drainAt  int64     // when Drain was called
	queued   int       // callers that were in the queue then, or a negative number
	cut      context.Context
	cutNow   context.CancelFunc
	closed   sync.Once
	closeErr error
}

// NewListener returns a Listener on a socket that is bound and listens.
func NewListener(cfg Config) *Listener {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Listener{cfg: cfg, start: time.Now(), freed: make(chan struct{}, 1)}
	l.draining, l.drain = context.WithCancel(context.Background())
	l.cut, l.cutNow = context.WithCancel(context.Background())
	if cfg.Places != nil {
		cfg.Places.OnFree(func() {
			select {
			case l.freed <- struct{}{}:
			default:
			}
		})
	}
	return l
}

// Addr returns the address of the socket.
func (l *Listener) Addr() net.Addr { return l.cfg.Socket.Addr() }

// Drain ends the wait for callers. Those that are in the queue are accepted as
// places become free; then AcceptConn returns net.ErrClosed.
func (l *Listener) Drain() {
	// Now, and not when AcceptConn sees it: that may sleep, in a pause or for a place,
	// and whoever calls meanwhile is late.
	l.measured.Do(func() {
		l.drainAt, l.queued = l.now(), -1
		if l.cfg.Queued != nil {
			l.queued = l.cfg.Queued()
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

// Cut is Drain without waiting for places: AcceptConn returns whoever is in the
// queue with ErrNoPlace, then net.ErrClosed.
func (l *Listener) Cut() {
	l.cutNow()
	l.Drain()
}

// Close closes the socket. AcceptConn returns net.ErrClosed from then on. It may
// be called more than once.
func (l *Listener) Close() error {
	l.cutNow()
	l.closed.Do(func() { l.closeErr = l.cfg.Socket.Close() })
	return l.closeErr
}

// Accept returns the next connection. Closing it gives its place back. The error
// is net.ErrClosed, after Close or a drain.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptConn()
		switch {
		case err == nil && l.cfg.Places != nil:
			return &placed{Conn: conn, places: l.cfg.Places}, nil
		case err == nil:
			return conn, nil
		case conn == nil:
			return nil, err
		}
		conn.Close()
	}
}

// AcceptConn returns the next connection as the socket gave it. Its place is the
// caller's to give back. The error is net.ErrClosed, after Close or a drain, or
// ErrNoPlace, with a connection.
func (l *Listener) AcceptConn() (net.Conn, error) {
	for {
		if l.draining.Err() != nil {
			l.continueDrain()
		}
		late := l.closing
		conn, err := l.accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		step, event := l.policy.Result(l.now(), numberOf(err))
		l.note(event, err)
		l.closing = l.closing || step == Close
		switch {
		case err == nil:
			return l.place(conn, late)
		case l.closing, step == Pause && !l.sleep(time.Duration(l.policy.Until()-l.now())):
			return nil, net.ErrClosed
		}
	}
}

// accept waits for a caller, in a drain only until the queue is empty.
func (l *Listener) accept() (net.Conn, error) {
	switch {
	case l.draining.Err() == nil:
		return l.cfg.Socket.Accept()
	case l.closing && l.cfg.Shared:
		return nil, net.ErrClosed
	case l.cfg.Waiting != nil:
		return l.acceptWaiting()
	}
	return l.acceptSoon()
}

const (
	// acceptWithin is how long a caller who waits may take to be accepted. On a busy
	// machine the time can be over before package net has looked at the queue, and it
	// does not look then; so it is tried maxTries times.
	acceptWithin = 100 * time.Millisecond
	maxTries     = 5
)

// acceptWaiting returns who is in the queue, or os.ErrDeadlineExceeded if nobody is. A
// socket that is readable for ever and has nobody, e.g. a unix listener that another
// process has shut down, counts as empty.
func (l *Listener) acceptWaiting() (net.Conn, error) {
	for tries := 0; tries < maxTries; {
		if !l.cfg.Waiting() {
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

// acceptSoon returns who is in the queue, or os.ErrDeadlineExceeded if nobody comes within
// Grace, which is taken for an empty queue: package net has no accept that does not wait.
func (l *Listener) acceptSoon() (conn net.Conn, err error) {
	for range maxTries {
		l.setDeadline(time.Now().Add(Grace))
		if conn, err = l.cfg.Socket.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
	}
	return nil, err
}

// continueDrain looks whether all of the queue was taken in.
func (l *Listener) continueDrain() {
	l.policy.Drain(l.drainAt, l.queued) // which counts once
	l.closing = l.closing || l.policy.Next(l.now()) == Close
}

// numberOf returns the error number of accept(2). The end of the wait for a caller
// is EAGAIN, as it is for a socket that does not wait.
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

// place waits for a place for conn, unless conn is late. A place is taken only when
// there is somebody to have it: a listener that nobody calls must not keep one from
// the others.
func (l *Listener) place(conn net.Conn, late bool) (net.Conn, error) {
	if late {
		return conn, ErrNoPlace
	}
	if l.cfg.Places == nil {
		return conn, nil
	}
	for first := true; !l.cfg.Places.Take(); first = false {
		if first {
			_, event := l.policy.Full(l.now())
			l.note(event, nil)
		}
		select {
		case <-l.freed:
		case <-l.cut.Done():
			return conn, ErrNoPlace
		}
	}
	l.policy.Freed()
	return conn, nil
}

// sleep waits for d. It reports false if the listener was closed or cut meanwhile.
func (l *Listener) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.cut.Done():
		return false
	}
}

func (l *Listener) note(e Event, err error) {
	if e.Counted && l.cfg.Count != nil {
		l.cfg.Count(e.Reason)
	}
	if e.Log {
		LogPause(l.cfg.Log, l.cfg.URL, e, err)
	}
}

// LogPause logs that the listener at url pauses. err is nil where no call has
// failed.
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

// now is the Policy's clock.
func (l *Listener) now() int64 { return int64(time.Since(l.start)) }

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	places *Places
	freed  sync.Once
}

func (p *placed) Close() error {
	err := p.Conn.Close()
	p.freed.Do(p.places.Free)
	return err
}
