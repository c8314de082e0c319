package echotest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Fault is one way of being a broken echo server.
type Fault struct {
	Name     string // as "loses-tail"
	Sentence string // what the server does wrong

	// One of the three serves. stream is asked once for each server, so that its
	// connections can share what they break each other with.
	stream func() handler
	packet func(ctx context.Context, conn *net.UDPConn)
	secure tlsHandler
}

// handler serves one connection, which is closed when it returns. ctx ends when
// the server is closed; the connection then is closed, too.
type handler func(ctx context.Context, c *net.TCPConn)

// Network is the scheme that the fault is served on: "tcp", "tls" or "udp".
func (f Fault) Network() string {
	switch {
	case f.packet != nil:
		return "udp"
	case f.secure != nil:
		return "tls"
	}
	return "tcp"
}

// Faults are all faults.
func Faults() []Fault {
	return []Fault{
		LosesTail, ClosesAtFin, ShortGrace, ResetsForFin, IgnoresEmpty, ClosesFirst, Lingers,
		AnswersAtEOF, Sniffs, AnswersHTTP, SendsBanner,
		SwapsBytes, DropsByte, AddsByte, ChangesLateByte,
		BuffersUnbounded, CutsSlowReader, CutsStalled, BlocksBehindStalled, OneAtATime,
		EndsWithoutNotify, AcceptsTruncation,
		TruncatesDatagrams, AnswersElsewhere, AnswersLowPorts, MutesFloods,
	}
}

// NewBroken starts a server on loopback that is broken in one way and honest in
// every other. It ends with the test.
func NewBroken(t testing.TB, f Fault) *Server {
	t.Helper()
	switch {
	case f.packet != nil:
		return servePackets(t, f.packet)
	case f.secure != nil:
		return serveTLS(t, f.secure)
	}
	return serveStreams(t, f.stream())
}

// serveStreams serves each connection to a free port on loopback, until t ends.
func serveStreams(t testing.TB, serve handler) *Server {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	return serveUntilClosed(t, "tcp://"+l.Addr().String(), l, func(ctx context.Context) {
		acceptAll(ctx, l, serve)
	})
}

// servePackets has serve answer at a free port on loopback, until t ends.
func servePackets(t testing.TB, serve func(ctx context.Context, conn *net.UDPConn)) *Server {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	return serveUntilClosed(t, "udp://"+conn.LocalAddr().String(), conn, func(ctx context.Context) {
		serve(ctx, conn)
	})
}

// serveUntilClosed has serve work at url until the server is closed. Then ctx
// ends, socket is closed, and serve must return.
func serveUntilClosed(t testing.TB, url string, socket io.Closer, serve func(ctx context.Context)) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(ctx)
	}()
	return newServer(t, url, func() {
		cancel()
		socket.Close()
		<-done
	})
}

// acceptAll serves each connection by a goroutine of its own until the listener
// is closed, and then waits for all of them.
func acceptAll(ctx context.Context, l *net.TCPListener, serve handler) {
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
}

// echo sends back what change makes of each piece that arrives, until the
// client ends the stream: then it returns nil.
func echo(c *net.TCPConn, change func(piece []byte) []byte) error {
	return carry(c, c, change)
}

// carry writes to one connection what change makes of each piece that is read
// from another, until that one ends in order: then it returns nil. It holds one
// piece, and reads the next when that is written.
func carry(from io.Reader, to io.Writer, change func(piece []byte) []byte) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if _, err := to.Write(change(piece[:n])); err != nil {
				return err
			}
		}
		if err != nil {
			return onlyEOF(err)
		}
	}
}

func unchanged(piece []byte) []byte { return piece }

// sleep waits d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
