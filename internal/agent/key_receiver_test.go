package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// readResult is what one read of a fakeConn returns.
type readResult struct {
	text string
	err  error
}

// fakeConn returns the results in order and then the last one for ever. As with a
// real socket, the counts of a failed read are -1.
type fakeConn struct {
	results []readResult
	began   time.Time
	reads   []time.Duration // when, since began
}

func (c *fakeConn) ReadMsgUDPAddrPort(b, _ []byte) (int, int, int, netip.AddrPort, error) {
	c.reads = append(c.reads, time.Since(c.began))
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

func TestPersistentErrorOfTheSocketIsCountedAndDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		conn := &fakeConn{results: []readResult{{err: errBroken}}, began: time.Now()}
		k := newKeyReceiver(conn)
		k.receive(ctx)
		var want []time.Duration
		for _, ms := range []time.Duration{0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270} {
			want = append(want, ms*time.Millisecond)
		}
		if !slices.Equal(conn.reads, want) {
			t.Errorf("read at %v, want %v", conn.reads, want)
		}
		if got := k.failed.Load(); got != uint64(len(want)) {
			t.Errorf("counted %d errors, want %d", got, len(want))
		}
		if got := time.Since(conn.began); got != 3500*time.Millisecond {
			t.Errorf("it ended after %v, want at the end of its context", got)
		}
	})
}

func TestKeyArrivesAfterErrorsAndResetsTheirPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &fakeConn{began: time.Now()}
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
			t.Errorf("read at %v, want %v", conn.reads, want)
		}
	})
}

func TestKeysOfAReceiverAreNoMoreThanAreExpected(t *testing.T) {
	k := newKeyReceiver(nil)
	one, _ := k.newKey()
	other, _ := k.newKey()
	if one == other || len(one) != keySize {
		t.Errorf("got keys %q and %q", one, other)
	}
	if k.remove(one) == nil || k.remove(one) != nil {
		t.Error("a key is valid once")
	}
	if len(k.keys) != 1 {
		t.Errorf("%d keys are left, want 1", len(k.keys))
	}
}

func TestAnswerThatCannotBeSentEndsTheRun(t *testing.T) {
	r := newRun(t.Context(), request{}, script{})
	r.keys = newKeyReceiver(&fakeConn{})
	if err := r.answerKey(keyDatagram{}); !errors.Is(err, syscall.EPERM) {
		t.Errorf("got %v, want the error of the first send", err)
	}
	if got := r.snapshot(); got.Sent != 0 || got.End != Open {
		t.Errorf("got %d bytes sent and end %q", got.Sent, got.End)
	}
}
