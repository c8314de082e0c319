package gonet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sock"
)

// unreadable is a datagram socket whose reads fail like those of package net, with -1
// bytes, except the reads in good.
type unreadable struct {
	errno syscall.Errno
	good  map[int]bool
	last  int // the read at which end is called
	end   func()
	at    []time.Time
}

func (u *unreadable) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	u.at = append(u.at, time.Now())
	switch i := len(u.at); {
	case i == u.last:
		u.end()
		return -1, 0, 0, addr, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	case u.good[i]:
		return copy(b, "echo"), 0, 0, netip.MustParseAddrPort("127.0.0.1:50000"), nil
	}
	return -1, 0, 0, addr, &net.OpError{Op: "read", Err: os.NewSyscallError("recvmsg", u.errno)}
}

func (u *unreadable) WriteMsgUDPAddrPort(b, _ []byte, _ netip.AddrPort) (int, int, error) {
	return len(b), 0, nil
}
func (u *unreadable) SetDeadline(time.Time) error { return nil }
func (u *unreadable) Close() error                { return nil }
func (u *unreadable) SyscallConn() (syscall.RawConn, error) {
	return nil, errors.New("not a real socket")
}

// serveUnreadable runs a packetEcho on u until u ends it.
func serveUnreadable(u *unreadable) *server {
	s := newServer(engine.Config{}.WithDefaults())
	spec := sock.Spec{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:7")}
	u.end = func() { close(s.draining) }
	newPacketEcho(s, u, spec, false).run()
	return s
}

// TestDatagramSocketPausesAfterErrorsAndGoesOn: after each error the pause grows, up to
// a second. A datagram resets it.
func TestDatagramSocketPausesAfterErrorsAndGoesOn(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ENOBUFS, syscall.EIO, syscall.Errno(4095)} {
		synctest.Test(t, func(t *testing.T) {
			u := &unreadable{errno: errno, good: map[int]bool{10: true}, last: 12}
			s := serveUnreadable(u)
			want := []time.Duration{10, 20, 40, 80, 160, 320, 640, 1000, 1000, 0, 10}
			for i := range want {
				want[i] *= time.Millisecond
			}
			var got []time.Duration
			for i := range want {
				got = append(got, u.at[i+1].Sub(u.at[i]))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v: pauses between reads (-want +got):\n%s", errno, diff)
			}
			st := s.Stats()
			if st.DatagramErrors != 10 || st.DatagramsIn != 1 || st.DatagramsOut != 1 {
				t.Errorf("%v: got %d errors, %d in, %d out, want 10, 1, 1", errno, st.DatagramErrors, st.DatagramsIn, st.DatagramsOut)
			}
		})
	}
}

func TestShutdownEndsThePauseOfADatagramSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unreadable{errno: syscall.ECONNABORTED, last: 1000}
		s := newServer(engine.Config{}.WithDefaults())
		u.end = func() {}
		s.packets = append(s.packets, newPacketEcho(s, u, sock.Spec{Network: "udp"}, false))
		go s.Serve()
		time.Sleep(10*time.Second + time.Millisecond) // now it pauses for a second
		began := time.Now()
		s.Shutdown(context.Background())
		if took := time.Since(began); took != 0 {
			t.Errorf("Shutdown during a pause: took %v, want 0", took)
		}
	})
}

// TestDestroyedDatagramSocketIsBoundAgain destroys a socket as ss -K does, which unbinds
// one whose port the kernel chose.
func TestDestroyedDatagramSocketIsBoundAgain(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("destroying a socket needs Linux and CAP_NET_ADMIN")
	}
	spec := sock.Spec{Network: "udp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	stream := spec
	stream.Network = "tcp"
	s := serveAll(t, engine.Config{Listeners: []engine.Listener{{Spec: spec}, {Spec: stream}}})
	datagrams, other := dialListener(t, s, 0), dialListener(t, s, 1)
	roundTrip(t, datagrams, []byte("echo"), make([]byte, 4))
	for range 2 {
		destroy(t, s.Listeners()[0].Addr)
		eventually(t, func() bool { return isAnswered(datagrams) }, "datagrams are answered again")
	}
	if got := s.Stats().DatagramErrors; got != 2 {
		t.Errorf("failed reads: got %d counted, want 2", got)
	}
	roundTrip(t, other, []byte("echo"), make([]byte, 4))
}

// isAnswered sends a datagram and reports whether it is answered soon.
func isAnswered(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	conn.Write([]byte(time.Now().String()))
	_, err := conn.Read(make([]byte, 100))
	return err == nil
}

// destroy destroys the sockets that are bound to addr (SOCK_DESTROY).
func destroy(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	out, err := exec.Command("ss", "-K", "-H", "-u", "-a", "src", "=", addr.String()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), addr.String()) {
		t.Skipf("ss -K: %v: %s", err, out)
	}
}
