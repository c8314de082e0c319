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

// closeNoter notes how a connection was closed.
type closeNoter struct {
	net.Conn
	closed bool
	linger int
}

func (c *closeNoter) Close() error {
	c.closed = true
	return nil
}

func (c *closeNoter) SetLinger(sec int) error {
	c.linger = sec
	return nil
}

func TestOldestNewcomerGivesWay(t *testing.T) {
	n := &newcomers{max: 2}
	conns := make([]*closeNoter, 4)
	places := make([]place, 4)
	for i := range conns {
		conns[i] = &closeNoter{linger: -1}
	}
	places[0] = n.add(conns[0], false)
	places[1] = n.add(conns[1], false)
	n.setAnswered(places[1])
	if conns[0].closed || n.displacedCount() != 0 {
		t.Fatal("a connection was closed although there was room")
	}
	places[2] = n.add(conns[2], false)
	if !conns[0].closed || conns[0].linger != 0 || conns[1].closed {
		t.Error("the oldest was not reset")
	}
	places[3] = n.add(conns[3], false)
	if !conns[1].closed || conns[1].linger != -1 {
		t.Error("one that has its answer was not closed, or by a reset")
	}
	if got := n.displacedCount(); got != 2 {
		t.Errorf("got %d displaced, want 2", got)
	}
	if n.remove(places[0]) || !n.remove(places[2]) || n.remove(places[2]) {
		t.Error("a place can be given up once, and not after it was taken")
	}
	if got := n.conns.Len(); got != 1 {
		t.Errorf("%d places are taken, want 1", got)
	}
}

// silent opens a connection that says nothing.
func silent(t *testing.T, c *Client) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

func TestSilentConnectionsGiveWayToCallers(t *testing.T) {
	for _, said := range []string{"", "echod-agent/1 HEL", "echod-agent/1 HELLO\n", "echod-agent/1 HELLO token=sesame\n"} {
		server := &Server{Token: NewSecret("sesame"), maxNewcomers: 4, lineTime: time.Hour}
		c, _ := start(t, server)
		var strangers []net.Conn
		for range 4 {
			conn := silent(t, c)
			io.WriteString(conn, said)
			strangers = append(strangers, conn)
		}
		if _, err := c.Hello(t.Context()); err != nil {
			t.Errorf("after %q: %v", said, err)
		}
		io.ReadAll(strangers[0]) // until it is closed
		if got := server.Snapshot().Displaced; got != 1 {
			t.Errorf("after %q: %d connections were displaced, want 1", said, got)
		}
	}
}

// TestCallersAreAnsweredWhileStrangersKeepComing: 10,000 connections say nothing
// and are never closed by their side, and the time for the first line is endless.
func TestCallersAreAnsweredWhileStrangersKeepComing(t *testing.T) {
	server := &Server{Token: NewSecret("sesame"), lineTime: time.Hour}
	c, _ := start(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), 3*testTimeout)
	defer cancel()
	strangers := 10000
	if testing.Short() {
		strangers = 2000
	}
	var coming, open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	for range 4 {
		coming.Go(func() {
			for range strangers / 4 {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address)
				if errors.Is(err, syscall.ECONNRESET) {
					continue // it has given way before connect(2) returned
				}
				if err != nil {
					t.Errorf("a stranger: %v", err)
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
	came := make(chan struct{})
	go func() {
		coming.Wait()
		close(came)
	}()
	answers := 0
	for done := false; !done; answers++ {
		select {
		case <-came:
			done = true
		default:
		}
		if _, err := c.Hello(ctx); err != nil {
			t.Fatalf("call %d: %v", answers, err)
		}
	}
	least := uint64(strangers - maxNewcomers)
	if got := server.Snapshot().Displaced; got < least {
		t.Errorf("%d connections were displaced, want %d at least", got, least)
	}
}

func TestConnectionsAtOnceAreBounded(t *testing.T) {
	server := &Server{maxNewcomers: 4, Limits: Limits{Runs: 3}}
	c, _ := start(t, server)
	if _, err := c.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := server.slots.Max(), 3+2*3+4+closing; got != want {
		t.Errorf("room for %d connections, want %d", got, want)
	}
	if got := cap(server.waits); got != 2*3 {
		t.Errorf("room for %d waits, want 6", got)
	}
	if server.newcomers.max != 4 || maxNewcomers != 1024 {
		t.Errorf("room for %d newcomers, by default %d", server.newcomers.max, maxNewcomers)
	}
}

// TestRunsAndWaitsGiveWayToNobody: newcomers take the places of newcomers only.
func TestRunsAndWaitsGiveWayToNobody(t *testing.T) {
	server := &Server{maxNewcomers: 1, lineTime: time.Hour}
	c, _ := start(t, server)
	conn, id := playing(t, c, "take", nil, "")
	waiting := make(chan Report)
	go func() {
		report, err := c.Report(t.Context(), id, MaxWait)
		if err != nil {
			t.Errorf("the wait: %v", err)
		}
		waiting <- report
	}()
	waitFor(t, func() bool { return len(server.waits) == 1 })
	for range 5 {
		if _, err := c.Hello(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, "here still")
	conn.Close()
	if got := <-waiting; got.End != FIN || got.Received != 10 {
		t.Errorf("got end %q and %d bytes", got.End, got.Received)
	}
}

// waitFor waits until ok.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to this within %v", testTimeout)
		}
	}
}

// TestTooMuchBehindARequestEndsItsConnection at once, not only when the time for
// the client's close is over.
func TestTooMuchBehindARequestEndsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &Server{Log: slog.New(slog.DiscardHandler), lineTime: time.Second}
		server.init()
		c, client := pipeCaller(server)
		go io.WriteString(client, "echod-agent/1 HELLO\n")
		began, served := time.Now(), make(chan struct{})
		go func() {
			defer close(served)
			c.serve(t.Context())
		}()
		bufio.NewReader(client).ReadString('\n')
		n, _ := client.Write(make([]byte, 2*maxDiscarded))
		<-served
		if took := time.Since(began); took != 0 || n > maxDiscarded {
			t.Errorf("it took %d bytes and %v", n, took)
		}
	})
}

func TestAnswerSurvivesThatItsConnectionGivesWay(t *testing.T) {
	c, _ := start(t, &Server{maxNewcomers: 1, lineTime: time.Hour})
	conn := silent(t, c)
	io.WriteString(conn, "echod-agent/1 HELLO\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "echod-agent/1 ok ") {
		t.Fatalf("got %q, %v", line, err)
	}
	silent(t, c)
	wantEnd(t, conn, "", nil)
}

func TestConnectionsThatEndGiveTheirPlacesUp(t *testing.T) {
	server := &Server{maxNewcomers: 2}
	c, _ := start(t, server)
	none := func() bool {
		server.newcomers.mu.Lock()
		defer server.newcomers.mu.Unlock()
		return server.newcomers.conns.Len() == 0
	}
	for range 4 {
		if _, err := c.Hello(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, none)
	}
	if got := server.Snapshot().Displaced; got != 0 {
		t.Errorf("%d connections were displaced, want none", got)
	}
}
