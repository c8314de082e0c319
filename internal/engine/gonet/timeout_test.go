package gonet

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
)

const (
	timeout = 80 * time.Second
	latest  = timeout + 2*timeout/checksPerTimeout
)

// TestTimeouts runs on a fake clock (testing/synctest) and on a pipe, which takes bytes
// only as they are read.
func TestTimeouts(t *testing.T) {
	idle := engine.Config{IdleTimeout: timeout, StallTimeout: -1}
	stall := engine.Config{StallTimeout: timeout}
	tests := []struct {
		name string
		cfg  engine.Config
		peer func(t *testing.T, conn net.Conn)
		want engine.Cause
	}{
		{"resets a silent peer", idle, func(t *testing.T, conn net.Conn) { wantTimeout(t, conn) }, engine.Idle},
		{"resets a peer that has become silent", idle, func(t *testing.T, conn net.Conn) {
			echoWithPauses(t, conn, timeout-time.Second, 3)
			wantTimeout(t, conn)
		}, engine.Idle},
		{"keeps a peer that sends now and then", idle, func(t *testing.T, conn net.Conn) {
			echoWithPauses(t, conn, timeout-time.Second, 100)
			conn.Close()
		}, engine.Finished},
		{"resets a peer that does not read", stall, func(t *testing.T, conn net.Conn) {
			conn.Write([]byte("echo"))
			wantClosed(t, conn)
		}, engine.Stalled},
		{"resets a peer that stops reading", stall, func(t *testing.T, conn net.Conn) {
			conn.Write([]byte("echo"))
			time.Sleep(timeout / checksPerTimeout)
			io.ReadFull(conn, make([]byte, 2))
			wantClosed(t, conn)
		}, engine.Stalled},
		{"keeps a peer that reads slowly", stall, func(t *testing.T, conn net.Conn) {
			conn.Write(make([]byte, 100))
			for range 100 {
				time.Sleep(timeout - time.Second)
				if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
			conn.Close()
		}, engine.Finished},
		{"keeps a silent peer without an idle timeout", stall, func(t *testing.T, conn net.Conn) {
			echoWithPauses(t, conn, 24*time.Hour, 2)
			conn.Close()
		}, engine.Finished},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := servePipe(tt.cfg)
				tt.peer(t, conn)
				synctest.Wait()
				got := s.Stats()
				if got.Closes[tt.want] != 1 || got.Active != 0 {
					t.Errorf("got closes %v and %d open, want one %v", got.Closes, got.Active, tt.want)
				}
				s.Shutdown(context.Background())
			})
		})
	}
}

func TestWithoutTimeoutsNothingTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{StallTimeout: -1}.WithDefaults())
		gone := make(chan struct{})
		go func() {
			s.watchTimeouts(make(chan struct{}))
			close(gone)
		}()
		synctest.Wait()
		select {
		case <-gone:
		default:
			t.Error("watchTimeouts runs without a timeout")
		}
	})
}

// servePipe serves one connection.
func servePipe(cfg engine.Config) (*server, net.Conn) {
	client, accepted := net.Pipe()
	s := newServer(cfg.WithDefaults())
	go s.Serve()
	synctest.Wait()
	s.cfg.Budget.Slots.Acquire()
	s.admit(accepted, nil)
	return s, client
}

// echoWithPauses has a byte echoed this many times, with a pause after each, and once more.
func echoWithPauses(t *testing.T, conn net.Conn, pause time.Duration, times int) {
	t.Helper()
	for range times {
		roundTrip(t, conn, []byte("e"), make([]byte, 1))
		time.Sleep(pause)
	}
	roundTrip(t, conn, []byte("e"), make([]byte, 1))
}

// wantTimeout waits until the server closes the connection, and checks when it does.
func wantTimeout(t *testing.T, conn net.Conn) {
	t.Helper()
	began := time.Now()
	conn.Read(make([]byte, 1))
	if got := time.Since(began); got < timeout || got > latest {
		t.Errorf("closed after %v, want %v to %v", got, timeout, latest)
	}
}

// wantClosed reads nothing until the server must have closed the connection.
func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	time.Sleep(latest)
	synctest.Wait()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("reading: got %d bytes and %v, want the connection closed", n, err)
	}
}
