package sock

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// acceptQueue is Calls.AcceptQueue on the real kernel.
func acceptQueue(c syscall.Conn) int { return Calls{}.AcceptQueue(c) }

// waitLimit bounds how long a test waits for what the kernel is about to do.
const waitLimit = 30 * time.Second

// waitFor calls is until it reports true.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen within %v", what, waitLimit)
		}
	}
}

// listenTCP is a listener on the loopback.
func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// dialTCP is a connection to ln that nobody has accepted.
func dialTCP(t *testing.T, ln *net.TCPListener) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestAcceptQueueCountsWhoWasNotAccepted(t *testing.T) {
	ln := listenTCP(t)
	if got := acceptQueue(ln); got != 0 {
		t.Errorf("nobody called: got %d, want 0", got)
	}
	dialTCP(t, ln)
	dialTCP(t, ln)
	waitFor(t, "two callers are queued", func() bool { return acceptQueue(ln) == 2 })
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := acceptQueue(ln); got != 1 {
		t.Errorf("one of two was accepted: got %d, want 1", got)
	}
	ln.Close()
	if got := acceptQueue(ln); got >= 0 {
		t.Errorf("of a closed socket: got %d, want a negative number", got)
	}
}

func TestUndeliveredIsWhatThePeerHasNotAcknowledged(t *testing.T) {
	ln := listenTCP(t)
	client := dialTCP(t, ln)
	server, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	undelivered := func() int {
		n, err := Calls{}.Undelivered(server)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := undelivered(); got != 0 {
		t.Errorf("nothing was sent: got %d, want 0", got)
	}
	server.Write([]byte("hello"))
	waitFor(t, "five bytes are acknowledged", func() bool { return undelivered() == 0 })
	server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // the client reads nothing
	sent, _ := server.Write(make([]byte, 64<<20))
	if got := undelivered(); got <= 0 || got > sent {
		t.Errorf("the window is full: got %d of %d bytes, want some", got, sent)
	}

	client.SetLinger(0)
	client.Close()
	waitFor(t, "the reset arrives", func() bool {
		_, err := Calls{}.Undelivered(server)
		return errors.Is(err, syscall.ECONNRESET)
	})
	server.Close()
	if n, err := (Calls{}).Undelivered(server); err == nil || n != 0 {
		t.Errorf("of a closed socket: got %d, %v; want an error", n, err)
	}
}
