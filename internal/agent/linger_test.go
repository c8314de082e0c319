package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"echod/internal/accept"
	"echod/internal/errno"
)

// lingerListener accepts connections whose SO_LINGER cannot be set while fails is
// true.
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

// startLinger serves ln until the test ends, or stop is called.
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

// begin asks for a scenario and waits until it has begun.
func begin(t *testing.T, ln *lingerListener, scenario string) (*net.TCPConn, *bufio.Reader) {
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

// TestAConnectionThatIsCutOffIsResetThoughLingerCannotBeSet: an end of file would
// say that the scenario was over.
func TestAConnectionThatIsCutOffIsResetThoughLingerCannotBeSet(t *testing.T) {
	ln, stop := startLinger(t, new(Server))
	_, in := begin(t, ln, "answer-late id=a")
	ln.fails.Store(true)
	stop()
	if _, err := in.ReadByte(); errno.Of(err) != syscall.ECONNRESET {
		t.Errorf("the client reads %v, want a reset", err)
	}
}

// TestACloseThatCannotBeOrderlyIsInTheReport: it is a reset then.
func TestACloseThatCannotBeOrderlyIsInTheReport(t *testing.T) {
	server := new(Server)
	ln, _ := startLinger(t, server)
	conn, in := begin(t, ln, "answer-late id=a")
	ln.fails.Store(true)
	io.WriteString(conn, "hello")
	conn.CloseWrite()
	io.Copy(io.Discard, in)
	c := &Client{Address: ln.Addr().String(), Timeout: testTimeout}
	ln.fails.Store(false)
	report, err := c.Report(t.Context(), "a", testTimeout)
	if err != nil || !strings.Contains(report.Error, syscall.ENOMEM.Error()) {
		t.Errorf("got %+v, %v; want the error", report, err)
	}
}

// TestAConnectionThatCannotBeMadeToResetIsNotServed: it is counted.
func TestAConnectionThatCannotBeMadeToResetIsNotServed(t *testing.T) {
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
		t.Errorf("got %d bytes, %v; want that it is closed", n, err)
	}
	if got := server.Snapshot().Accepts[accept.Aborted]; got != 1 {
		t.Errorf("counted: got %d, want 1", got)
	}
	ln.fails.Store(false)
	begin(t, ln, "take id=b")
}
