package ping

import (
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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
