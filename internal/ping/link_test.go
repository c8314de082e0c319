package ping

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
)

func TestWatchTellsPartsApart(t *testing.T) {
	tests := []struct {
		name, network string
		do            func(*watch)
		want          Phases
	}{
		{"all", "tls", func(w *watch) {
			time.Sleep(time.Second)
			w.asking()
			time.Sleep(2 * time.Second)
			w.resolved()
			time.Sleep(4 * time.Second)
			w.made()
			time.Sleep(8 * time.Second)
		}, Phases{DNS: 2 * time.Second, Connect: 5 * time.Second, TLS: 8 * time.Second}},
		{"no name, no handshake", "tcp", func(w *watch) {
			time.Sleep(time.Second)
			w.made()
			time.Sleep(time.Second)
		}, Phases{Connect: time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch{began: time.Now()}
				tt.do(&w)
				if diff := cmp.Diff(tt.want, w.phases(tt.network)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}

func TestErrorsAreClassified(t *testing.T) {
	refused := os.NewSyscallError("read", syscall.ECONNREFUSED)
	tests := []struct {
		name   string
		err    error
		want   dial.Class
		passes bool // a socket for datagrams remains usable
	}{
		{"none", nil, "", false},
		{"unknown", errors.New("no luck"), "", false},
		{"unknown, of package net", &net.OpError{Op: "read", Err: errors.New("no luck")}, "", false},
		{"a wrong byte", fmt.Errorf("probe 7: %w", &WrongError{}), Corrupt, false},
		{"refused", &net.OpError{Op: "read", Err: refused}, dial.Refused, true},
		{"unreachable", syscall.EHOSTUNREACH, dial.Unreachable, true},
		{"reset", syscall.ECONNRESET, dial.Reset, false},
		{"no answer", &noAnswerError{time.Second}, dial.Timeout, false},
		{"a datagram that is too long", os.NewSyscallError("write", syscall.EMSGSIZE), dial.Local, false},
		{"a TLS alert", &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, dial.TLS, false},
		{"refused, in an alert's place", &net.OpError{Op: "remote error", Err: refused}, dial.Refused, true},
	}
	for _, tt := range tests {
		if got := classify(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if got := passing(tt.err); got != tt.passes {
			t.Errorf("%s: it passes: got %t, want %t", tt.name, got, tt.passes)
		}
	}
}

// TestAddressThatRefusesIsLeftWhileProbesAreUnderWay: two probes are under way when
// one error comes, so that neither is known to be lost before its time is over. By
// then there are others: an address that refuses each of them is left all the same.
func TestAddressThatRefusesIsLeftWhileProbesAreUnderWay(t *testing.T) {
	tests := []struct {
		name    string
		address string
		refused time.Duration // when the last error came; the probes left at 0s, 1s and 2s
		want    bool          // the address is left when the first is lost, after 2s
	}{
		{"the last was refused", "echo.example:7", 2500 * time.Millisecond, true},
		{"the last may yet be answered", "echo.example:7", 1500 * time.Millisecond, false},
		{"there is no other address", "192.0.2.1:7", 2500 * time.Millisecond, false},
	}
	for _, tt := range tests {
		began := time.Unix(1000, 0)
		here, there := net.Pipe()
		defer there.Close()
		r := newRun(Config{Target: Target{Network: "udp", Address: tt.address}, Wait: 2 * time.Second, Size: 64})
		r.link = &link{conn: here, done: make(chan struct{})}
		for i := range 3 {
			r.book.add(&flight{sent: began.Add(time.Duration(i) * time.Second)})
		}
		r.failed(arrival{link: r.link, at: began.Add(tt.refused), err: syscall.ECONNREFUSED})
		if r.book.pending != 3 {
			t.Errorf("%s: an error that may be about any of three: %d under way, want 3", tt.name, r.book.pending)
		}
		r.expire(began.Add(2500 * time.Millisecond))
		if got := r.link == nil; got != tt.want {
			t.Errorf("%s: left: got %t, want %t", tt.name, got, tt.want)
		}
		if r.book.pending != 2 {
			t.Errorf("%s: %d under way, want 2", tt.name, r.book.pending)
		}
	}
}

// brokenConn fails every read at once, as a socket does that reports the same
// error again and again. The count is -1, as that of the system call.
type brokenConn struct {
	net.Conn
	began time.Time
	reads []time.Duration
}

func (c *brokenConn) Read([]byte) (int, error) {
	c.reads = append(c.reads, time.Since(c.began))
	return -1, syscall.ECONNREFUSED
}

// TestErrorsOfASocketThatNoProbeCausedDoNotSpin: each of the probes may cause one
// without a pause, which could delay an answer.
func TestErrorsOfASocketThatNoProbeCausedDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &brokenConn{began: time.Now()}
		l := &link{conn: conn, done: make(chan struct{})}
		l.writes.Store(2)
		arrivals, read := make(chan arrival), make(chan struct{})
		go func() {
			defer close(read)
			l.read(100, true, arrivals)
		}()
		var want []time.Duration
		for _, ms := range []time.Duration{0, 0, 0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270} {
			want = append(want, ms*time.Millisecond)
			if a := <-arrivals; len(a.data) != 0 || a.err != syscall.ECONNREFUSED {
				t.Fatalf("got %d bytes and %v", len(a.data), a.err)
			}
		}
		close(l.done)
		<-read
		if !slices.Equal(conn.reads, want) {
			t.Errorf("read at %v, want %v", conn.reads, want)
		}
	})
}
