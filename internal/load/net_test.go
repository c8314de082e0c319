package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/dial"
	"echod/internal/dial/dialtest"
)

// brokenConn is a datagram socket that reports the same error again and again.
type brokenConn struct {
	net.Conn
	reads  *atomic.Int64 // of all of them
	closed atomic.Bool
}

func (c *brokenConn) Read([]byte) (int, error) {
	if c.closed.Load() || c.reads.Add(1) > 1000 {
		return 0, net.ErrClosed
	}
	return 0, syscall.EIO
}

func (c *brokenConn) Write(p []byte) (int, error) { return len(p), nil }
func (c *brokenConn) Close() error                { c.closed.Store(true); return nil }

// Two datagrams were sent, and may cause one error each. The errors after that are the
// socket's own: it is replaced, after longer and longer pauses.
func TestBrokenDatagramSocketIsReplacedAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var reads atomic.Int64
		p := planOf(t, "udp://127.0.0.1:7", "64")
		p.Conns, p.Depth = 1, 2
		p.Target.Via = func(context.Context) (net.Conn, error) { return &brokenConn{reads: &reads}, nil }
		d, err := newNetDriver(newRun(p, []net.Addr{&net.UDPAddr{}}))
		if err != nil {
			t.Fatal(err)
		}
		d.drive(ctx)
		// Three times the first socket, then one each after 10, 30, 70 … 1270, 2270 ms.
		if got := reads.Load(); got != 3+8 {
			t.Errorf("%d reads in 3 s, want 11", got)
		}
	})
}

func TestAResetThatTheWriteGotIsCountedAsReset(t *testing.T) {
	p := planOf(t, "tcp://127.0.0.1:7", "64")
	p.Conns, p.Messages, p.Duration = 1, 5, 0
	p.Target.Via = func(context.Context) (net.Conn, error) { return dialtest.NewResetConn(), nil }
	r := newRun(p, []net.Addr{&net.TCPAddr{}})
	d, err := newNetDriver(r)
	if err != nil {
		t.Fatal(err)
	}
	d.open(t.Context())
	result, _ := r.measure(t.Context(), d, func(Progress) {}) // the error is that nothing came back
	if result.Failed[dial.Reset] != 5 || result.Disconnects[dial.PrematureEOF] != 0 {
		t.Errorf("got failed %v, disconnects %v; want only resets", result.Failed, result.Disconnects)
	}
}

// heldConn is a connection on which nothing arrives. The call that is named waits until hold
// returns.
type heldConn struct {
	net.Conn
	call   string // "write", "close" or "half-close"
	hold   func()
	closed chan struct{}
	once   sync.Once
}

func (c *heldConn) wait(call string) {
	if call == c.call {
		c.hold()
	}
}
func (c *heldConn) end()                        { c.once.Do(func() { close(c.closed) }) }
func (c *heldConn) Read([]byte) (int, error)    { <-c.closed; return 0, net.ErrClosed }
func (c *heldConn) Write(p []byte) (int, error) { c.wait("write"); return len(p), nil }
func (c *heldConn) Close() error                { c.wait("close"); c.end(); return nil }
func (c *heldConn) CloseWrite() error           { c.wait("half-close"); return nil }

// NetConn returns what is below, as TLS does: to close that does not wait.
func (c *heldConn) NetConn() net.Conn { return heldTransport{of: c} }

type heldTransport struct {
	net.Conn
	of *heldConn
}

func (t heldTransport) Close() error { t.of.end(); return nil }

// echoConn is a connection to an echo. It calls got for each message.
type echoConn struct {
	net.Conn // the near end of a pipe
	got      func()
	messages chan []byte
	once     sync.Once
}

func newEchoConn(got func()) *echoConn {
	return &echoConn{got: got, messages: make(chan []byte, 10_000)}
}

func (c *echoConn) Write(p []byte) (int, error) {
	defer func() { recover() }() // it is closed
	c.messages <- slices.Clone(p)
	c.got()
	return len(p), nil
}
func (c *echoConn) Read(p []byte) (int, error) {
	if message, ok := <-c.messages; ok {
		return copy(p, message), nil
	}
	return 0, io.EOF
}
func (c *echoConn) CloseWrite() error { return c.Close() }
func (c *echoConn) Close() error      { c.once.Do(func() { close(c.messages) }); return nil }

// One of two connections waits in a call until the other one has had twenty more messages: the
// schedule and the timeouts of the other one do not wait for that call.
func TestCallThatBlocksDoesNotDelayOtherConnections(t *testing.T) {
	for _, tt := range []struct {
		network, call string
		churn         bool
	}{
		{"udp", "write", false},
		{"tcp", "write", false},
		{"tcp", "close", false},
		{"tcp", "half-close", true},
		{"tcp", "close", true},
	} {
		t.Run(fmt.Sprintf("%s, %s, churn %t", tt.network, tt.call, tt.churn), func(t *testing.T) {
			t.Parallel()
			ctx, over := context.WithCancel(t.Context())
			more, count := make(chan struct{}), atomic.Int64{}
			got := func() {
				select {
				case more <- struct{}{}:
				default:
				}
				if count.Add(1) == 60 {
					over()
				}
			}
			hold := func() {
				for range 20 {
					select {
					case <-more:
					case <-ctx.Done():
						return
					case <-time.After(10 * time.Second):
						t.Errorf("the other connection has %d messages, and no more", count.Load())
						over()
					}
				}
			}
			p := planOf(t, tt.network+"://127.0.0.1:7", "64")
			p.Conns, p.Churn, p.Rate, p.Duration, p.Timeout = 2, tt.churn, PerSecond(400), time.Hour, 50*time.Millisecond
			var dials atomic.Int64
			p.Target.Via = func(context.Context) (net.Conn, error) {
				if dials.Add(1) == 1 {
					return &heldConn{call: tt.call, hold: hold, closed: make(chan struct{})}, nil
				}
				return newEchoConn(got), nil
			}
			r := newRun(p, []net.Addr{&net.TCPAddr{}})
			d, err := newNetDriver(r)
			if err != nil {
				t.Fatal(err)
			}
			d.open(ctx)
			if result, err := r.measure(ctx, d, func(Progress) {}); err != nil || !result.Balanced() {
				t.Errorf("got %+v, %v", r.tally.outcomes, err)
			}
		})
	}
}
