package agent

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// controlConn is the connection of a run of datagrams, from 127.0.0.1.
type controlConn struct{ net.Conn }

func (controlConn) Write(p []byte) (int, error) { return len(p), nil }
func (controlConn) CloseWrite() error           { return nil }
func (controlConn) Close() error                { return nil }
func (controlConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}
}

// sentConn notes when something is sent.
type sentConn struct {
	fakeConn
	sent []time.Duration // since began
}

func (c *sentConn) WriteMsgUDPAddrPort(b, _ []byte, _ netip.AddrPort) (int, int, error) {
	c.sent = append(c.sent, time.Since(c.began))
	return len(b), 0, nil
}

// The delay counts from the moment at which the datagram came. The copies of the
// answer follow one another with a gap: one burst of loss does not take them all.
func TestCopiesOfTheAnswerLeaveAfterTheDelayAndApart(t *testing.T) {
	const gap = 50 * time.Millisecond
	tests := []struct {
		name  string
		delay time.Duration
		ago   time.Duration // how long ago the datagram came
		first time.Duration // when the first copy leaves
	}{
		{"no delay", 0, 0, 0},
		{"a delay", time.Second, 0, time.Second},
		{"a delay, of which a part is over", time.Second, 300 * time.Millisecond, 700 * time.Millisecond},
		{"a delay that is over", time.Second, 2 * time.Second, 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			conn := &sentConn{fakeConn: fakeConn{began: time.Now()}}
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

// TestLineWithoutAnEndIsReadUpToABound: what answers there may be no agent, and
// send without end.
func TestLineWithoutAnEndIsReadUpToABound(t *testing.T) {
	const bound = 4 << 10
	in := strings.NewReader(strings.Repeat("x", 2*bound))
	line, err := readLine(in)
	if len(line) != bound || err != nil || in.Len() != bound {
		t.Errorf("got %d bytes, %v, and %d are left; want %d", len(line), err, in.Len(), bound)
	}
}
