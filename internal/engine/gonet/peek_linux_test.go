package gonet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

func TestUnixPeerThatIsOwedBytesSeesAReset(t *testing.T) {
	tests := []struct {
		name string
		do   func(peer net.Conn, buf []byte)
		want error
	}{
		{"nothing read", func(net.Conn, []byte) {}, syscall.ECONNRESET},
		{"read, not sent", func(peer net.Conn, buf []byte) { peer.Read(buf) }, syscall.ECONNRESET},
		{"read, half of it sent", func(peer net.Conn, buf []byte) { peer.Read(buf); peer.Write(buf[:2]) }, syscall.ECONNRESET},
		{"read and sent", func(peer net.Conn, buf []byte) { peer.Read(buf); peer.Write(buf) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, accepted := unixPair(t)
			peer, err := unread(accepted, sock.Calls{})
			if err != nil {
				t.Fatal(err)
			}
			client.Write([]byte("echo"))
			tt.do(peer, make([]byte, 4))
			peer.Close()
			if _, err := io.ReadAll(client); !errors.Is(err, tt.want) {
				t.Errorf("reading to the end: got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestUrgentByteOfAUnixPeerStaysInLine(t *testing.T) {
	conn := dial(t, serve(t, "unix", engine.Config{})).(*net.UnixConn)
	for _, part := range []struct {
		text  string
		flags int
	}{{"be", 0}, {"f", syscall.MSG_OOB}, {"ore", 0}} {
		send(t, conn, part.text, part.flags)
	}
	got := make([]byte, len("before"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "before" {
		t.Errorf("got %q and %v, want %q", got, err, "before")
	}
}

// send is send(2) with flags. A kernel without urgent data on unix sockets
// cannot lose any.
func send(t *testing.T, conn *net.UnixConn, text string, flags int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Sendto(int(fd), []byte(text), flags, nil) })
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip("this kernel has no urgent data on unix sockets (CONFIG_AF_UNIX_OOB)")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unixPair is both ends of a connection.
func unixPair(t *testing.T) (client, accepted *net.UnixConn) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(t.TempDir(), "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.DialUnix("unix", nil, ln.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetDeadline(time.Now().Add(patience))
	accepted, err = ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	return client, accepted
}

func TestUnixWriteThatIsCutShortTakesOnlyWhatWasSent(t *testing.T) {
	client, accepted := unixPair(t)
	defer accepted.Close()
	accepted.SetWriteBuffer(4 << 10) // so that not all of it can go at once
	peer, err := unread(accepted, sock.Calls{})
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 64<<10)
	for i := range sent {
		sent[i] = byte(i / 251)
	}
	client.Write(sent)
	buf := make([]byte, len(sent))
	if n, err := peer.Read(buf); n != len(sent) {
		t.Fatalf("reading: got %d bytes and %v, want %d", n, err, len(sent))
	}
	peer.SetDeadline(time.Now().Add(20 * time.Millisecond))
	n, err := peer.Write(buf)
	if n == 0 || n == len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("writing to one who does not read: got %d bytes and %v, want some and a deadline", n, err)
	}
	peer.SetDeadline(time.Now().Add(patience))
	left, err := peer.Read(buf)
	if err != nil || !bytes.Equal(buf[:left], sent[n:]) {
		t.Errorf("reading again: got %d bytes and %v, want the %d that were not sent", left, err, len(sent)-n)
	}
}
