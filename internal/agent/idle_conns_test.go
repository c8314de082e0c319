package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// closeRecorder records how a connection was closed.
type closeRecorder struct {
	net.Conn
	closed bool
	linger int
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

func (c *closeRecorder) SetLinger(sec int) error {
	c.linger = sec
	return nil
}

func TestOldestIdleConnectionIsDisplaced(t *testing.T) {
	n := &idleConns{max: 2}
	conns := make([]*closeRecorder, 4)
	refs := make([]idleRef, 4)
	for i := range conns {
		conns[i] = &closeRecorder{linger: -1}
	}
	refs[0] = n.add(conns[0], false)
	refs[1] = n.add(conns[1], false)
	n.setAnswered(refs[1])
	if conns[0].closed || n.displacedCount() != 0 {
		t.Fatal("a connection was closed below the maximum")
	}
	refs[2] = n.add(conns[2], false)
	if !conns[0].closed || conns[0].linger != 0 || conns[1].closed {
		t.Error("the oldest connection was not reset")
	}
	refs[3] = n.add(conns[3], false)
	if !conns[1].closed || conns[1].linger != -1 {
		t.Error("an answered connection was not closed with a FIN")
	}
	if got := n.displacedCount(); got != 2 {
		t.Errorf("got %d connections displaced, want 2", got)
	}
	if n.remove(refs[0]) || !n.remove(refs[2]) || n.remove(refs[2]) {
		t.Error("a connection can be removed once, and not after it was displaced")
	}
	if got := n.conns.Len(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// dialSilent opens a connection and sends nothing.
func dialSilent(t *testing.T, c *Client) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.Target.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

func TestSilentConnectionsAreDisplacedByClients(t *testing.T) {
	for _, sent := range []string{"", "echod-agent/1 HEL", "echod-agent/1 HELLO\n", "echod-agent/1 HELLO token=sesame\n"} {
		server := &Server{Token: NewSecret("sesame"), maxIdleConns: 4, lineTimeout: time.Hour}
		c, _ := start(t, server)
		var strangers []net.Conn
		for range 4 {
			conn := dialSilent(t, c)
			io.WriteString(conn, sent)
			strangers = append(strangers, conn)
		}
		if _, err := c.Hello(t.Context()); err != nil {
			t.Errorf("after %q: %v", sent, err)
		}
		io.ReadAll(strangers[0]) // until it is closed
		if got := server.Snapshot().Displaced; got != 1 {
			t.Errorf("after %q: got %d connections displaced, want 1", sent, got)
		}
	}
}

// TestClientsAreAnsweredWhileStrangersConnect opens 10,000 connections that send nothing
// and never close. The timeout of the first line is too long to help.
func TestClientsAreAnsweredWhileStrangersConnect(t *testing.T) {
	server := &Server{Token: NewSecret("sesame"), lineTimeout: time.Hour}
	c, _ := start(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), 3*testTimeout)
	defer cancel()
	strangers := 10000
	if testing.Short() {
		strangers = 2000
	}
	var connecting, open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	for range 4 {
		connecting.Go(func() {
			for range strangers / 4 {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Target.Address)
				if errors.Is(err, syscall.ECONNRESET) {
					continue // displaced before connect(2) returned
				}
				if err != nil {
					t.Errorf("stranger: %v", err)
					return
				}
				open.Go(func() {
					stop := context.AfterFunc(ctx, func() { conn.Close() })
					defer stop()
					defer conn.Close()
					io.ReadAll(conn)
				})
			}
		})
	}
	connected := make(chan struct{})
	go func() {
		connecting.Wait()
		close(connected)
	}()
	answers := 0
	for done := false; !done; answers++ {
		select {
		case <-connected:
			done = true
		default:
		}
		if _, err := c.Hello(ctx); err != nil {
			t.Fatalf("request %d: %v", answers, err)
		}
	}
	want := uint64(strangers - maxIdleConns)
	if got := server.Snapshot().Displaced; got < want {
		t.Errorf("got %d connections displaced, want at least %d", got, want)
	}
}

func TestNumberOfConnectionsIsBounded(t *testing.T) {
	server := &Server{maxIdleConns: 4, Limits: Limits{Runs: 3}}
	c, _ := start(t, server)
	if _, err := c.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := server.slots.Max(), 3+2*3+4+maxClosing; got != want {
		t.Errorf("got a limit of %d connections, want %d", got, want)
	}
	if got := cap(server.waits); got != 2*3 {
		t.Errorf("got a limit of %d waits, want 6", got)
	}
	if server.idleConns.max != 4 || maxIdleConns != 1024 {
		t.Errorf("got a limit of %d idle connections, and %d by default", server.idleConns.max, maxIdleConns)
	}
}

func TestRunsAndWaitsAreNotDisplaced(t *testing.T) {
	server := &Server{maxIdleConns: 1, lineTimeout: time.Hour}
	c, _ := start(t, server)
	conn, id := startScenario(t, c, "take", nil, "")
	waiting := make(chan Report)
	go func() {
		report, err := c.Report(t.Context(), id, MaxWait)
		if err != nil {
			t.Errorf("report: %v", err)
		}
		waiting <- report
	}()
	waitFor(t, func() bool { return len(server.waits) == 1 })
	for range 5 {
		if _, err := c.Hello(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, "ten bytes.")
	conn.Close()
	if got := <-waiting; got.End != FIN || got.Received != 10 {
		t.Errorf("got end %q and %d bytes", got.End, got.Received)
	}
}

// waitFor waits until ok returns true.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the condition was not true within %v", testTimeout)
		}
	}
}

// TestTooManyBytesAfterARequestEndTheConnection checks that the connection ends at once,
// and not at the timeout of the client's close.
func TestTooManyBytesAfterARequestEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &Server{Log: slog.New(slog.DiscardHandler), lineTimeout: time.Second}
		server.init()
		c, client := pipeConn(server)
		go io.WriteString(client, "echod-agent/1 HELLO\n")
		start, served := time.Now(), make(chan struct{})
		go func() {
			defer close(served)
			c.serve(t.Context())
		}()
		bufio.NewReader(client).ReadString('\n')
		n, _ := client.Write(make([]byte, 2*maxDiscarded))
		<-served
		if took := time.Since(start); took != 0 || n > maxDiscarded {
			t.Errorf("got %d bytes received in %v", n, took)
		}
	})
}

func TestClientReceivesTheAnswerOfADisplacedConnection(t *testing.T) {
	c, _ := start(t, &Server{maxIdleConns: 1, lineTimeout: time.Hour})
	conn := dialSilent(t, c)
	io.WriteString(conn, "echod-agent/1 HELLO\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "echod-agent/1 ok ") {
		t.Fatalf("got %q, %v", line, err)
	}
	dialSilent(t, c)
	wantEnd(t, conn, "", nil)
}

func TestClosedConnectionsAreRemoved(t *testing.T) {
	server := &Server{maxIdleConns: 2}
	c, _ := start(t, server)
	empty := func() bool {
		server.idleConns.mu.Lock()
		defer server.idleConns.mu.Unlock()
		return server.idleConns.conns.Len() == 0
	}
	for range 4 {
		if _, err := c.Hello(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, empty)
	}
	if got := server.Snapshot().Displaced; got != 0 {
		t.Errorf("got %d connections displaced, want none", got)
	}
}
