package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/accept"
	"echod/internal/errno"
)

// failingListener fails once with every error number, and then accepts connections from
// conns.
type failingListener struct {
	net.Listener
	next  syscall.Errno
	conns chan net.Conn
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.next++; l.next < 134 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", l.next)}
	}
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{} }
func (l *failingListener) Close() error   { close(l.conns); return nil }

func TestNoAcceptErrorEndsTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ln := &failingListener{conns: make(chan net.Conn)}
		server := new(Server)
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, ln) }()
		client, accepted := net.Pipe()
		ln.conns <- accepted // accepted after all errors
		client.Close()
		if snap := server.Snapshot(); snap.Accepts[accept.NoDescriptors] != 2 || snap.Accepts[accept.Aborted] == 0 {
			t.Errorf("got the counters %v, want EMFILE, ENFILE and aborted connections", snap.Accepts)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}

// lingerListener accepts connections that cannot set SO_LINGER while fails is true.
type lingerListener struct {
	net.Listener
	fails atomic.Bool
}

type lingerConn struct {
	*net.TCPConn
	fails *atomic.Bool
}

func (l *lingerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lingerConn{conn.(*net.TCPConn), &l.fails}, nil
}

func (c lingerConn) SetLinger(sec int) error {
	if c.fails.Load() {
		return syscall.ENOMEM
	}
	return c.TCPConn.SetLinger(sec)
}

// startLinger starts an agent on a lingerListener. It runs until the test ends or until
// stop.
func startLinger(t *testing.T, server *Server) (ln *lingerListener, stop func()) {
	t.Helper()
	ln = &lingerListener{Listener: listen(t)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(ctx, ln)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return ln, stop
}

// runScenario sends a RUN and waits for the answer.
func runScenario(t *testing.T, ln *lingerListener, scenario string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	io.WriteString(conn, "echod-agent/1 RUN "+scenario+"\n")
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "echod-agent/1 ok") {
		t.Fatalf("got %q, %v; want ok", line, err)
	}
	return conn.(*net.TCPConn), in
}

// TestConnectionIsResetEvenIfLingerCannotBeSet exists because a FIN would mean that the
// scenario has succeeded.
func TestConnectionIsResetEvenIfLingerCannotBeSet(t *testing.T) {
	ln, stop := startLinger(t, new(Server))
	_, in := runScenario(t, ln, "answer-late id=a")
	ln.fails.Store(true)
	stop()
	if _, err := in.ReadByte(); errno.Of(err) != syscall.ECONNRESET {
		t.Errorf("got %v, want a reset", err)
	}
}

// TestReportHasTheErrorOfAClose makes setting SO_LINGER fail: then the close is a reset.
func TestReportHasTheErrorOfAClose(t *testing.T) {
	server := new(Server)
	ln, _ := startLinger(t, server)
	conn, in := runScenario(t, ln, "answer-late id=a")
	ln.fails.Store(true)
	io.WriteString(conn, "hello")
	conn.CloseWrite()
	io.Copy(io.Discard, in)
	c := &Client{Target: tcpTo(ln), Timeout: testTimeout}
	ln.fails.Store(false)
	report, err := c.Report(t.Context(), "a", testTimeout)
	if err != nil || !strings.Contains(report.Error, syscall.ENOMEM.Error()) {
		t.Errorf("got %+v, %v; want the error", report, err)
	}
}

// TestConnectionWithoutLingerIsNotServed also checks that it is counted.
func TestConnectionWithoutLingerIsNotServed(t *testing.T) {
	server := new(Server)
	ln, _ := startLinger(t, server)
	ln.fails.Store(true)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %d bytes, %v; want a closed connection", n, err)
	}
	if got := server.Snapshot().Accepts[accept.Aborted]; got != 1 {
		t.Errorf("got %d counted, want 1", got)
	}
	ln.fails.Store(false)
	runScenario(t, ln, "take id=b")
}
