package accept

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeSocket is a listening socket with a queue. Its first calls of Accept return errors.
type fakeSocket struct {
	mu       sync.Mutex
	errors   []error
	calls    []time.Time
	deadline time.Time
	queue    chan net.Conn
	changed  chan struct{} // closed when the deadline changes
	closed   chan struct{}
}

func newFakeSocket(queued int, errors ...syscall.Errno) *fakeSocket {
	s := &fakeSocket{queue: make(chan net.Conn, 1000), closed: make(chan struct{}), changed: make(chan struct{})}
	for range queued {
		s.connect()
	}
	for _, number := range errors {
		s.errors = append(s.errors, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", number)})
	}
	return s
}

// connect puts one more connection into the queue.
func (s *fakeSocket) connect() {
	client, server := net.Pipe()
	client.Close()
	s.queue <- server
}

func (s *fakeSocket) next() (deadline time.Time, changed chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if len(s.errors) > 0 {
		err, s.errors = s.errors[0], s.errors[1:]
	}
	return s.deadline, s.changed, err
}

func (s *fakeSocket) Accept() (net.Conn, error) {
	deadline, changed, err := s.next()
	if err != nil {
		return nil, err
	}
	for {
		if !deadline.IsZero() && !deadline.After(time.Now()) {
			return nil, os.ErrDeadlineExceeded
		}
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case conn := <-s.queue:
			return conn, nil
		case <-late:
			return nil, os.ErrDeadlineExceeded
		case <-s.closed:
			return nil, net.ErrClosed
		case <-changed:
			s.mu.Lock()
			deadline, changed = s.deadline, s.changed
			s.mu.Unlock()
		}
	}
}

func (s *fakeSocket) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *fakeSocket) Close() error   { close(s.closed); return nil }
func (s *fakeSocket) Addr() net.Addr { return &net.TCPAddr{} }

// accepted counts the connections of a Listener.
type accepted struct{ served, refused int }

// acceptAll accepts until net.ErrClosed, and holds the slot of each connection for hold.
func acceptAll(t *testing.T, l *Listener, slots *Slots, hold time.Duration) accepted {
	t.Helper()
	var got accepted
	for {
		conn, err := l.AcceptConn()
		switch {
		case err == nil:
			got.served++
			time.AfterFunc(hold, slots.Release)
		case errors.Is(err, ErrNoSlot):
			got.refused++
			if conn == nil {
				t.Error("ErrNoSlot without a connection")
			}
		case errors.Is(err, net.ErrClosed):
			return got
		default:
			t.Fatalf("AcceptConn: %v", err)
		}
	}
}

func TestNoErrorEndsAListener(t *testing.T) {
	var every []syscall.Errno
	for number := syscall.Errno(1); number < 134; number++ {
		if number != syscall.EINTR && number != syscall.EAGAIN {
			every = append(every, number)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		counted := 0
		s := newFakeSocket(1, every...)
		l := NewListener(Config{Socket: s, Count: func(Reason) { counted++ }})
		conn, err := l.Accept()
		if err != nil || conn == nil {
			t.Fatalf("after every error: got %v, want a connection", err)
		}
		if counted != len(every) {
			t.Errorf("counted %d errors, want %d", counted, len(every))
		}
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: got %v, want net.ErrClosed", err)
		}
	})
}

func TestErrorsAreCountedByTheirNumber(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want Reason
	}{
		{"with a number", &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}, NoDescriptors},
		{"without a number", errors.New("accept: no number"), Other},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			var counted []Reason
			s := newFakeSocket(1)
			s.errors = []error{tt.err}
			l := NewListener(Config{Socket: s, Count: func(r Reason) { counted = append(counted, r) }})
			if _, err := l.Accept(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(counted, []Reason{tt.want}) {
				t.Errorf("%s: counted %v, want %v once", tt.name, counted, tt.want)
			}
		})
	}
}

func TestLogOfAPauseHasTheReasonAndTheError(t *testing.T) {
	tests := []struct {
		name  string
		event Event
		err   error
		want  string
	}{
		{"a call has failed", Event{Reason: NoMemory}, errors.New("accept4"), "reason=no-memory error=accept4"},
		{"no call has failed", Event{Reason: Full}, nil, "reason=full"},
		{"one pause was not logged", Event{Reason: Full, Unlogged: 1}, nil, "reason=full unlogged=1"},
	}
	for _, tt := range tests {
		var log bytes.Buffer
		LogPause(slog.New(slog.NewTextHandler(&log, nil)), "tcp://[::]:7", tt.event, tt.err)
		_, got, _ := strings.Cut(strings.TrimSpace(log.String()), "level=")
		if want := "WARN msg=\"listener paused\" url=tcp://[::]:7 " + tt.want; got != want {
			t.Errorf("%s: got %s, want %s", tt.name, got, want)
		}
	}
}

func TestAListenerPausesForAShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeSocket(1, syscall.EMFILE, syscall.EMFILE, syscall.EMFILE)
		l := NewListener(Config{Socket: s})
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
			if got := s.calls[i+1].Sub(s.calls[i]); got != want {
				t.Errorf("pause %d: got %v, want %v", i, got, want)
			}
		}
	})
}

func TestCloseEndsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(Config{Socket: newFakeSocket(0, syscall.ENOMEM)})
		time.AfterFunc(time.Millisecond, func() { l.Close() })
		began := time.Now()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("Accept returned after %v, want at the time of Close", took)
		}
	})
}

func TestAbortReturnsTheQueueWithoutSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(1, 0)
		slots.Acquire()
		l := NewListener(Config{Socket: newFakeSocket(10), Slots: slots})
		time.AfterFunc(time.Second, l.Drain)
		time.AfterFunc(time.Minute, l.Abort)
		if got := acceptAll(t, l, slots, 0); got != (accepted{refused: 10}) {
			t.Errorf("got %+v, want 10 refused", got)
		}
	})
}

func TestAConnectionReleasesItsSlotOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(1, 0)
		l := NewListener(Config{Socket: newFakeSocket(2), Slots: slots})
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { first.Close(); first.Close() })
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if got := slots.InUse(); got != 1 {
			t.Errorf("slots in use: got %d, want 1", got)
		}
	})
}

func TestTheLimitIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		slots := NewSlots(1, 0)
		l := NewListener(Config{Socket: newFakeSocket(100), Slots: slots, URL: "tcp://[::]:7",
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		time.AfterFunc(time.Second, l.Drain)
		acceptAll(t, l, slots, time.Millisecond)
		if got := strings.Count(log.String(), "listener paused"); got != 1 {
			t.Errorf("got %d lines, want 1:\n%s", got, log.String())
		}
		if !strings.Contains(log.String(), "url=tcp://[::]:7 reason=full") {
			t.Errorf("got %s, want the URL and the reason", log.String())
		}
	})
}
