package gonet

import (
	"bytes"
	"io"
	"net"
	"testing"

	"echod/internal/engine"
)

func TestStreamGivesAllBackAndThenTheEnd(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s := serve(t, network, engine.Config{})
			conn := dial(t, s)
			want := bytes.Repeat([]byte("echo"), 1<<20)
			go func() {
				conn.Write(want)
				conn.(interface{ CloseWrite() error }).CloseWrite()
			}()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes and %v, want the same %d and a clean end", len(got), err, len(want))
			}
			eventually(t, func() bool { return s.Stats().Closes[engine.Finished] == 1 }, "the stream is booked as finished")
		})
	}
}

func TestMessageAllocatesNothing(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			conn := dial(t, serve(t, network, engine.Config{}))
			message, back := make([]byte, 64), make([]byte, 64)
			got := testing.AllocsPerRun(1000, func() { roundTrip(t, conn, message, back) })
			if got != 0 {
				t.Errorf("got %v allocations for a message, want 0", got)
			}
		})
	}
}

func TestDatagramAllocatesNothing(t *testing.T) {
	conn := dial(t, serve(t, "udp", engine.Config{})).(*net.UDPConn)
	message, back := make([]byte, 64), make([]byte, 64)
	got := testing.AllocsPerRun(1000, func() { roundTrip(t, conn, message, back) })
	if got != 0 {
		t.Errorf("got %v allocations for a datagram, want 0", got)
	}
}
