package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// readResult is the result of one read from a fakeConn.
type readResult struct {
	text string
	err  error
}

// fakeConn returns the results in order, and repeats the last one. As with a real
// socket, the counts of a failed read are -1.
type fakeConn struct {
	results []readResult
	start   time.Time
	reads   []time.Duration // when, since start
}

func (c *fakeConn) ReadMsgUDPAddrPort(b, _ []byte) (int, int, int, netip.AddrPort, error) {
	c.reads = append(c.reads, time.Since(c.start))
	next := c.results[0]
	if len(c.results) > 1 {
		c.results = c.results[1:]
	}
	if next.err != nil {
		return -1, -1, 0, netip.AddrPort{}, next.err
	}
	return copy(b, next.text), 0, 0, netip.AddrPort{}, nil
}

func (c *fakeConn) WriteMsgUDPAddrPort([]byte, []byte, netip.AddrPort) (int, int, error) {
	return -1, -1, syscall.EPERM
}

var errBroken = errors.New("the socket is broken")

func TestPersistentSocketErrorIsCountedAndDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		conn := &fakeConn{results: []readResult{{err: errBroken}}, start: time.Now()}
		k := newKeyReceiver(conn)
		k.receive(ctx)
		var want []time.Duration
		for _, ms := range []time.Duration{0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270} {
			want = append(want, ms*time.Millisecond)
		}
		if !slices.Equal(conn.reads, want) {
			t.Errorf("got reads at %v, want %v", conn.reads, want)
		}
		if got := k.failed.Load(); got != uint64(len(want)) {
			t.Errorf("got %d errors counted, want %d", got, len(want))
		}
		if got := time.Since(conn.start); got != 3500*time.Millisecond {
			t.Errorf("got the end after %v, want 3.5s, when the context is canceled", got)
		}
	})
}

func TestKeyArrivesAfterErrorsAndResetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &fakeConn{start: time.Now()}
		k := newKeyReceiver(conn)
		key, arrived := k.newKey()
		datagram := key + string(make([]byte, DatagramSize-keySize))
		conn.results = []readResult{{err: errBroken}, {err: errBroken}, {text: datagram}, {err: errBroken}, {err: net.ErrClosed}}
		k.receive(t.Context())
		if d := <-arrived; string(d.text) != datagram {
			t.Errorf("got %q", d.text)
		}
		want := []time.Duration{0, 10 * time.Millisecond, 30 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond}
		if !slices.Equal(conn.reads, want) {
			t.Errorf("got reads at %v, want %v", conn.reads, want)
		}
	})
}

func TestEachKeyIsValidOnce(t *testing.T) {
	k := newKeyReceiver(nil)
	one, _ := k.newKey()
	other, _ := k.newKey()
	if one == other || len(one) != keySize {
		t.Errorf("got keys %q and %q", one, other)
	}
	if k.remove(one) == nil || k.remove(one) != nil {
		t.Error("got a key that is valid twice")
	}
	if len(k.keys) != 1 {
		t.Errorf("got %d keys left, want 1", len(k.keys))
	}
}

func TestRunEndsWhenAnAnswerCannotBeSent(t *testing.T) {
	r := newRun(t.Context(), request{}, script{})
	r.keys = newKeyReceiver(&fakeConn{})
	if err := r.sendKey(keyDatagram{}); !errors.Is(err, syscall.EPERM) {
		t.Errorf("got %v, want the error of the first send", err)
	}
	if got := r.snapshot(); got.Sent != 0 || got.End != Open {
		t.Errorf("got %d bytes sent and end %q", got.Sent, got.End)
	}
}

// controlConn is the connection of a run with datagrams. The client is 127.0.0.1.
type controlConn struct{ net.Conn }

func (controlConn) Write(p []byte) (int, error) { return len(p), nil }
func (controlConn) CloseWrite() error           { return nil }
func (controlConn) Close() error                { return nil }
func (controlConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}
}

// sentConn records when datagrams are sent.
type sentConn struct {
	fakeConn
	sent []time.Duration // since start
}

func (c *sentConn) WriteMsgUDPAddrPort(b, _ []byte, _ netip.AddrPort) (int, int, error) {
	c.sent = append(c.sent, time.Since(c.start))
	return len(b), 0, nil
}

// TestAnswersAreSentAfterTheDelayWithGaps also checks that the delay starts when the
// datagram arrives. With gaps, one burst of loss does not drop all copies.
func TestAnswersAreSentAfterTheDelayWithGaps(t *testing.T) {
	const gap = 50 * time.Millisecond
	tests := []struct {
		name  string
		delay time.Duration
		ago   time.Duration // how long ago the datagram arrived
		first time.Duration // when the first copy is sent
	}{
		{"no delay", 0, 0, 0},
		{"a delay", time.Second, 0, time.Second},
		{"a part of the delay has passed", time.Second, 300 * time.Millisecond, 700 * time.Millisecond},
		{"the delay has passed", time.Second, 2 * time.Second, 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			conn := &sentConn{fakeConn: fakeConn{start: time.Now()}}
			arrivals := make(chan keyDatagram, 1)
			arrivals <- keyDatagram{text: []byte("key"), from: netip.MustParseAddrPort("127.0.0.1:40001"), when: time.Now().Add(-tt.ago)}
			r := newRun(t.Context(), request{}, script{delay: tt.delay})
			r.conn, r.keys, r.key, r.arrivals = controlConn{}, newKeyReceiver(conn), "key", arrivals
			if err := r.datagramLate(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if want := []time.Duration{tt.first, tt.first + gap, tt.first + 2*gap}; !slices.Equal(conn.sent, want) {
				t.Errorf("%s: sent at %v, want %v", tt.name, conn.sent, want)
			}
			if got := r.snapshot(); got.End != Acted || got.Received != 3 {
				t.Errorf("%s: got end %q, %d bytes received", tt.name, got.End, got.Received)
			}
		})
	}
}

// TestEndlessLineIsReadUpToABound exists because the server may not be an agent.
func TestEndlessLineIsReadUpToABound(t *testing.T) {
	const bound = 4 << 10
	in := strings.NewReader(strings.Repeat("x", 2*bound))
	line, err := readLine(in)
	if len(line) != bound || err != nil || in.Len() != bound {
		t.Errorf("got %d bytes, %v, and %d not read; want %d", len(line), err, in.Len(), bound)
	}
}
