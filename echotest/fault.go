package echotest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"echod/internal/sock"
)

// Fault is one way in which an echo server is broken. The server is honest in every
// other way.
type Fault struct {
	Name        string // e.g. "drops-last-bytes"
	Description string // e.g. "drops the last bytes before the client's FIN"
	Network     string // the scheme of the server's URL: "tcp", "tls" or "udp"
	Detection   Detection

	start func(t testing.TB) *Server
}

// NewBroken starts an echo server on loopback that has the fault f. It runs until t
// ends or until [Server.Close].
func NewBroken(t testing.TB, f Fault) *Server {
	t.Helper()
	return f.start(t)
}

// handler serves one connection, which is closed when it returns. When the server is
// closed, ctx is canceled and the connection is closed.
type handler func(ctx context.Context, c *net.TCPConn)

func streamFault(name, description string, serve handler) Fault {
	return Fault{Name: name, Description: description, Network: "tcp",
		start: func(t testing.TB) *Server { return startStreams(t, serve) }}
}

// startStreams serves connections to a free TCP port on loopback, each in a goroutine.
func startStreams(t testing.TB, serve handler) *Server {
	t.Helper()
	// An urgent byte is part of the stream, as on the sockets of echod. It can be set on
	// Linux only.
	control := func(_, _ string, raw syscall.RawConn) error { return sock.Calls{}.SetOOBInline(raw) }
	if !sock.CanLeaveUnread {
		control = nil
	}
	return startStreamsWith(t, control, serve)
}

// startStreamsWith is startStreams with a function that sets options of the listener.
func startStreamsWith(t testing.TB, control func(network, address string, raw syscall.RawConn) error, serve handler) *Server {
	t.Helper()
	lc := net.ListenConfig{Control: control}
	lc.SetMultipathTCP(false) // its sockets refuse SO_OOBINLINE
	listener, err := lc.Listen(context.Background(), "tcp", loopback.String())
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	l := listener.(*net.TCPListener)
	return startFunc(t, "tcp://"+l.Addr().String(), l, func(ctx context.Context) {
		var conns sync.WaitGroup
		defer conns.Wait()
		for {
			c, err := l.AcceptTCP()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			conns.Go(func() {
				release := context.AfterFunc(ctx, func() { c.Close() })
				defer release()
				defer c.Close()
				serve(ctx, c)
			})
		}
	})
}

// echo sends back change(chunk) for each chunk that it reads, until the client closes
// its direction; then it returns nil.
func echo(c io.ReadWriter, change func(chunk []byte) []byte) error {
	return copyChunks(c, c, change)
}

// copyChunks writes change(chunk) for each chunk that it reads, until the end of file;
// then it returns nil. It holds one chunk: it reads the next one when that is written.
func copyChunks(from io.Reader, to io.Writer, change func(chunk []byte) []byte) error {
	chunk := make([]byte, 32<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 {
			if _, err := to.Write(change(chunk[:n])); err != nil {
				return err
			}
		}
		if err != nil {
			return ignoreEOF(err)
		}
	}
}

func unchanged(chunk []byte) []byte { return chunk }

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sleep waits for d, or until ctx is canceled.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
