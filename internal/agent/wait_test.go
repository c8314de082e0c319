package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitEndsWhenTheClientLeaves(t *testing.T) {
	tests := []struct {
		name  string
		leave func(*net.TCPConn)
	}{
		{"FIN", func(conn *net.TCPConn) { conn.CloseWrite() }},
		{"close", func(conn *net.TCPConn) { conn.Close() }},
		{"reset", func(conn *net.TCPConn) { reset(conn) }},
		{"too many bytes", func(conn *net.TCPConn) { conn.Write(make([]byte, maxDiscarded)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &Server{Limits: Limits{Runs: 1}}
			c, _ := start(t, server)
			_, id := startScenario(t, c, "take", nil, "")
			for range 2 * cap(server.waits) {
				conn := dialSilent(t, c).(*net.TCPConn)
				fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=%d\n", id, MaxWait.Milliseconds())
				waitFor(t, func() bool { return len(server.waits) == 1 })
				tt.leave(conn)
				waitFor(t, func() bool { return len(server.waits) == 0 })
				if tt.name == "FIN" { // half-closed: it still gets the current report
					line, err := bufio.NewReader(conn).ReadString('\n')
					if err != nil || !strings.Contains(line, `"end":"open"`) {
						t.Errorf("got %q, %v", line, err)
					}
				}
			}
		})
	}
}

func TestWaitsOfClientsThatLeftDoNotBlockOthers(t *testing.T) {
	c, _ := start(t, &Server{Limits: Limits{Time: time.Hour}})
	_, id := startScenario(t, c, "take", nil, "")
	for range 255 {
		conn := dialSilent(t, c)
		fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=600000\n", id)
		conn.Close()
	}
	if _, err := c.Hello(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWaitsAreLimited(t *testing.T) {
	server := &Server{Limits: Limits{Runs: 1}}
	c, _ := start(t, server)
	running, id := startScenario(t, c, "take", nil, "")
	line := fmt.Sprintf("echod-agent/1 REPORT id=%s wait=600000\n", id)
	for range 2 {
		io.WriteString(dialSilent(t, c), line)
	}
	waitFor(t, func() bool { return len(server.waits) == 2 })
	want := "echod-agent/1 error busy the limit is 2 requests that wait; retry later, or without wait\n"
	if got := send(t, c, line); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, err := c.Report(t.Context(), id, 0); err != nil || got.End != Open {
		t.Errorf("without wait: got end %q, %v", got.End, err)
	}
	if _, err := c.Hello(t.Context()); err != nil {
		t.Error(err)
	}
	running.Close()
	waitFor(t, func() bool { return len(server.waits) == 0 })
	if got, err := c.Report(t.Context(), id, MaxWait); err != nil || got.End != FIN {
		t.Errorf("after the run: got end %q, %v", got.End, err)
	}
}

// pipeEnd is one end of a net.Pipe, with a CloseWrite that does nothing, and with the
// error of a socket for a read after Close.
type pipeEnd struct{ net.Conn }

func (c pipeEnd) CloseWrite() error { return nil }

func (c pipeEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.ErrClosedPipe {
		err = net.ErrClosed
	}
	return n, err
}

// pipeConn returns a clientConn of server, and the client's end of it.
func pipeConn(server *Server) (*clientConn, net.Conn) {
	pipe, client := net.Pipe()
	near := pipeEnd{pipe}
	return &clientConn{Conn: near, server: server, life: new(connLife), in: bufio.NewReaderSize(near, MaxLine), idle: server.idleConns.add(near, false)}, client
}

func TestWaitLastsAtMostAsLongAsARun(t *testing.T) {
	tests := []struct{ asked, limit, want time.Duration }{
		{0, time.Minute, 0},
		{time.Second, time.Minute, time.Second},
		{time.Minute, time.Minute, time.Minute},
		{2 * time.Minute, time.Minute, time.Minute},
		{MaxWait, time.Hour, MaxWait},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			server := &Server{Limits: Limits{Time: tt.limit}, waits: make(chan struct{}, 1)}
			server.init()
			c, client := pipeConn(server)
			defer client.Close()
			endless := newRun(t.Context(), request{params: map[string]string{"id": "x"}}, script{})
			if err := server.runs.add(endless, 1); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			c.Conn.SetDeadline(start.Add(time.Millisecond)) // the timeout of the first line
			wait := fmt.Sprint(tt.asked.Milliseconds())
			_, err := c.report(request{verb: verbReport, params: map[string]string{"id": "x", "wait": wait}})
			if got := time.Since(start); err != nil || got != tt.want {
				t.Errorf("wait %v, limit %v: got a wait of %v, %v; want %v", tt.asked, tt.limit, got, err, tt.want)
			}
			if server.idleConns.conns.Len() != 1 || len(server.waits) != 0 {
				t.Errorf("got %d idle connections and %d waits left", server.idleConns.conns.Len(), len(server.waits))
			}
		})
	}
}

func TestWaitEndsWhenTheAgentEnds(t *testing.T) {
	server := &Server{}
	c, stop := start(t, server)
	_, id := startScenario(t, c, "take", nil, "")
	conn := dialSilent(t, c)
	fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=600000\n", id)
	waitFor(t, func() bool { return len(server.waits) == 1 })
	stop()
}

func TestDisplacedConnectionDoesNotWait(t *testing.T) {
	server := &Server{waits: make(chan struct{}, 1)}
	server.init()
	c, client := pipeConn(server)
	defer client.Close()
	server.idleConns.remove(c.idle)
	if err := c.wait(newRun(t.Context(), request{}, script{}), time.Hour); err != net.ErrClosed {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
	if len(server.waits) != 0 || server.idleConns.conns.Len() != 0 {
		t.Error("got a wait or an idle connection left")
	}
}

func TestClientLimitsTheWait(t *testing.T) {
	var line string
	c := startReplying(t, func(got string) string {
		line = got
		return "echod-agent/1 ok {}\n"
	})
	if _, err := c.Report(context.Background(), "x", MaxWait+time.Second); err != nil {
		t.Fatal(err)
	}
	if want := "echod-agent/1 REPORT id=x wait=600000\n"; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
}

// TestReportOfAnEndedRunDoesNotWait uses all waits before it.
func TestReportOfAnEndedRunDoesNotWait(t *testing.T) {
	server := &Server{}
	c, _ := start(t, server)
	conn, id := startScenario(t, c, "take", nil, "")
	conn.Close()
	waitFor(t, func() bool { return server.Snapshot().Active == 0 })
	for range cap(server.waits) {
		server.waits <- struct{}{}
	}
	if got, err := c.Report(t.Context(), id, MaxWait); err != nil || got.End != FIN {
		t.Errorf("got end %q, %v", got.End, err)
	}
}
