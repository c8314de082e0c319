package gonet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/sock"
)

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
	if got := s.Stats().Accepts[accept.Full]; got != 0 {
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
