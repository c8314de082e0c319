package echotest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Fault is one way of being a broken echo server.
type Fault struct {
	Name     string // as "loses-tail"
	Sentence string // what the server does wrong

	// One of the two serves. stream is asked once for each server, so that its
	// connections can share what they break each other with.
	stream func() handler
	packet func(ctx context.Context, conn *net.UDPConn)
}

// handler serves one connection, which is closed when it returns. ctx ends when
// the server is closed; the connection then is closed, too.
type handler func(ctx context.Context, c *net.TCPConn)

// Network is the scheme that the fault is served on: "tcp" or "udp".
func (f Fault) Network() string {
	if f.packet != nil {
		return "udp"
	}
	return "tcp"
}

// Faults are all faults.
func Faults() []Fault {
	return []Fault{
		LosesTail, ClosesAtFin, ShortGrace, ResetsForFin, IgnoresEmpty, ClosesFirst, Lingers,
		AnswersAtEOF, Sniffs, AnswersHTTP, SendsBanner,
		SwapsBytes, DropsByte, AddsByte,
		BuffersUnbounded, CutsSlowReader, BlocksBehindStalled, OneAtATime,
		TruncatesDatagrams, AnswersElsewhere,
	}
}

// NewBroken starts a server on loopback that is broken in one way and honest in
// every other. It ends with the test.
func NewBroken(t testing.TB, f Fault) *Server {
	t.Helper()
	if f.packet != nil {
		return newBrokenPackets(t, f)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		acceptAll(ctx, l, f.stream())
	}()
	return newServer(t, "tcp://"+l.Addr().String(), func() {
		cancel()
		l.Close()
		<-done
	})
}

func newBrokenPackets(t testing.TB, f Fault) *Server {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.packet(ctx, conn)
	}()
	return newServer(t, "udp://"+conn.LocalAddr().String(), func() {
		cancel()
		conn.Close()
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
	piece := make([]byte, 32<<10)
	for {
		n, err := c.Read(piece)
		if n > 0 {
			if _, err := c.Write(change(piece[:n])); err != nil {
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
