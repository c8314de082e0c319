package dial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// tcpPair returns both ends of a connection.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// The kernel tells the reset to the write, and the read sees an end of file.
func TestAResetThatTheWriteGotIsTheErrorOfTheRead(t *testing.T) {
	near, far := tcpPair(t)
	far.SetLinger(0)
	far.Close()
	var writes Writes
	for err := error(nil); err == nil; { // the reset may still be under way
		err = writes.Do(func() error { _, err := near.Write([]byte("x")); return err })
	}
	_, err := near.Read(make([]byte, 1))
	if err != io.EOF {
		t.Fatalf("the read got %v; want an end of file, else this test shows nothing", err)
	}
	if got := writes.ReadError(near, err); !errors.Is(got, syscall.ECONNRESET) {
		t.Errorf("got %v, want ECONNRESET", got)
	}
}

// A peer ends the stream, and does not read: the write waits.
func TestAnEndOfFileEndsAWriteThatWaits(t *testing.T) {
	near, far := tcpPair(t)
	var writes Writes
	wrote := make(chan error)
	go func() {
		wrote <- writes.Do(func() error { _, err := near.Write(make([]byte, 64<<20)); return err })
	}()
	if _, err := far.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	far.CloseWrite()
	_, err := near.Read(make([]byte, 1))
	if got := writes.ReadError(near, err); got != io.EOF {
		t.Errorf("got %v, want an end of file", got)
	}
	if err := <-wrote; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the write got %v, want that it is closed", err)
	}
}

func TestReadErrorIsThatOfTheWriteIfItWasToldWhy(t *testing.T) {
	call := func(number syscall.Errno) error { return os.NewSyscallError("write", number) }
	timeout := os.ErrDeadlineExceeded
	for _, tt := range []struct{ read, write, want error }{
		{io.EOF, nil, io.EOF},
		{io.EOF, call(syscall.ECONNRESET), call(syscall.ECONNRESET)},
		{io.ErrUnexpectedEOF, call(syscall.ECONNRESET), call(syscall.ECONNRESET)}, // with TLS
		{io.EOF, call(syscall.ETIMEDOUT), call(syscall.ETIMEDOUT)},
		{io.EOF, call(syscall.EPIPE), io.EOF}, // the FIN came first
		{io.EOF, errors.New("tls: internal error"), io.EOF},
		{timeout, call(syscall.ECONNRESET), timeout},
		{nil, call(syscall.ECONNRESET), nil},
	} {
		var writes Writes
		writes.Do(func() error { return tt.write })
		writes.Do(func() error { return call(syscall.EPIPE) }) // the reason is told once
		if tt.write == nil {
			writes = Writes{}
		}
		near, far := net.Pipe()
		if got := writes.ReadError(near, tt.read); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("read %v, write %v: got %v, want %v", tt.read, tt.write, got, tt.want)
		}
		far.SetReadDeadline(time.Now().Add(-time.Second))
		_, err := far.Read(make([]byte, 1))
		if closed := err == io.EOF; closed != (tt.read == io.EOF || tt.read == io.ErrUnexpectedEOF) {
			t.Errorf("read %v: closed %t", tt.read, closed)
		}
	}
}
