package gonet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sock"
)

func TestListenerRestsLongerWhileAShortageLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{errno: syscall.EMFILE, times: 6}
		newAcceptor(ln).run()
		want := []time.Duration{100, 200, 400, 800, 1000, 1000}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if diff := cmp.Diff(want, ln.rests()); diff != "" {
			t.Errorf("time between accepts (-want +got):\n%s", diff)
		}
	})
}

func TestListenerDoesNotRestForOneLostCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{errno: syscall.EPROTO, times: mostInARow - 1}
		a := newAcceptor(ln)
		a.run()
		if got := a.server.Stats().Accepts[engine.AcceptAborted]; got != mostInARow-1 {
			t.Errorf("lost callers: got %d counted, want %d", got, mostInARow-1)
		}
		for i, rest := range ln.rests() {
			if rest != 0 {
				t.Errorf("after failure %d: got a rest of %v, want none", i+1, rest)
			}
		}
	})
}

func TestListenerThatLosesEveryCallerDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{errno: syscall.EPERM, times: 100 * mostInARow}
		begun := time.Now()
		newAcceptor(ln).run()
		if got := time.Since(begun); got < 90*time.Second {
			t.Errorf("%d failures: got them in %v, want rests among them", 100*mostInARow, got)
		}
	})
}

// failing is a listener on which accept(2) fails some times, and which is then
// interrupted.
type failing struct {
	net.TCPListener // nil but for what is below
	errno           syscall.Errno
	times           int
	at              []time.Time
}

func (f *failing) Accept() (net.Conn, error) {
	f.at = append(f.at, time.Now())
	if len(f.at) > f.times {
		return nil, os.ErrDeadlineExceeded
	}
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", f.errno)}
}

func (f *failing) SetDeadline(time.Time) error { return nil }
func (f *failing) Close() error                { return nil }

// rests are the times between failures and the next accept.
func (f *failing) rests() []time.Duration {
	var rests []time.Duration
	for i := range f.times {
		rests = append(rests, f.at[i+1].Sub(f.at[i]))
	}
	return rests
}

func newAcceptor(ln streamListener) *acceptor {
	return &acceptor{server: newServer(engine.Config{}.WithDefaults()), ln: ln}
}

// TestListenerThatNobodyCallsKeepsNoPlace: else two listeners could not share
// one place.
func TestListenerThatNobodyCallsKeepsNoPlace(t *testing.T) {
	spec := sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	s := serveAll(t, engine.Config{
		Listeners: []engine.Listener{{Spec: spec}, {Spec: spec}},
		Budget:    engine.NewBudget(engine.Limits{MaxConns: 1}),
	})
	for i := range s.Listeners() {
		conn := dialListener(t, s, i)
		roundTrip(t, conn, []byte("echo"), make([]byte, 4))
		conn.Close()
		eventually(t, func() bool { return s.Stats().Active == 0 }, "the place is free again")
	}
	if got := s.Stats().Accepts[engine.AcceptFull]; got != 0 {
		t.Errorf("rests for want of a place: got %d, want none", got)
	}
}

func TestErrorOfAClosedSocketIsTheDrains(t *testing.T) {
	tests := []struct {
		err  error
		want engine.Cause
	}{
		{&net.OpError{Op: "read", Err: net.ErrClosed}, engine.Drained},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, engine.PeerReset},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, engine.PeerLost},
		{errors.New("no errno at all"), engine.Broken},
	}
	for _, tt := range tests {
		if got := causeOf(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}
