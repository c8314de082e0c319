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

func TestWaitEndsWhenItsClientLeaves(t *testing.T) {
	tests := []struct {
		name  string
		leave func(*net.TCPConn)
	}{
		{"FIN", func(conn *net.TCPConn) { conn.CloseWrite() }},
		{"close", func(conn *net.TCPConn) { conn.Close() }},
		{"reset", func(conn *net.TCPConn) { abort(conn) }},
		{"more than it may send", func(conn *net.TCPConn) { conn.Write(make([]byte, maxDiscarded)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &Server{Limits: Limits{Runs: 1}}
			c, _ := start(t, server)
			_, id := playing(t, c, "take", nil, "")
			for range 2 * cap(server.waits) {
				conn := silent(t, c).(*net.TCPConn)
				fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=%d\n", id, MaxWait.Milliseconds())
				waitFor(t, func() bool { return len(server.waits) == 1 })
				tt.leave(conn)
				waitFor(t, func() bool { return len(server.waits) == 0 })
				if tt.name == "FIN" { // only half-closed: it gets the report as it stands
					line, err := bufio.NewReader(conn).ReadString('\n')
					if err != nil || !strings.Contains(line, `"end":"open"`) {
						t.Errorf("got %q, %v", line, err)
					}
				}
			}
		})
	}
}

// TestManyWaitsOfClientsThatLeftKeepNobodyOut: whoever asks next is answered.
func TestManyWaitsOfClientsThatLeftKeepNobodyOut(t *testing.T) {
	c, _ := start(t, &Server{Limits: Limits{Time: time.Hour}})
	_, id := playing(t, c, "take", nil, "")
	for range 255 {
		conn := silent(t, c)
		fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=600000\n", id)
		conn.Close()
	}
	if _, err := c.Hello(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWaitsAtOnceAreLimited(t *testing.T) {
	server := &Server{Limits: Limits{Runs: 1}}
	c, _ := start(t, server)
	running, id := playing(t, c, "take", nil, "")
	line := fmt.Sprintf("echod-agent/1 REPORT id=%s wait=600000\n", id)
	for range 2 {
		io.WriteString(silent(t, c), line)
	}
	waitFor(t, func() bool { return len(server.waits) == 2 })
	want := "echod-agent/1 error busy 2 requests that wait are its limit; ask again later, or without wait\n"
	if got := say(t, c, line); got != want {
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

// pipeEnd is one end of a net.Pipe that looks more like a connection: it has a
// CloseWrite, which does nothing, and the error of a read after Close.
type pipeEnd struct{ net.Conn }

func (c pipeEnd) CloseWrite() error { return nil }

func (c pipeEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.ErrClosedPipe {
		err = net.ErrClosed
	}
	return n, err
}

// pipeCaller is a caller of server whose client has the other end.
func pipeCaller(server *Server) (*caller, net.Conn) {
	pipe, far := net.Pipe()
	near := pipeEnd{pipe}
	return &caller{server: server, conn: near, in: bufio.NewReaderSize(near, MaxLine), place: server.newcomers.add(near, false)}, far
}

func TestWaitTakesWhatIsAskedForAndNoMoreThanARun(t *testing.T) {
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
			c, client := pipeCaller(server)
			defer client.Close()
			endless := newRun(t.Context(), request{params: map[string]string{"id": "x"}}, script{})
			if err := server.runs.add(endless, 1); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c.conn.SetDeadline(began.Add(time.Millisecond)) // of the first line
			wait := fmt.Sprint(tt.asked.Milliseconds())
			_, err := c.report(request{verb: verbReport, params: map[string]string{"id": "x", "wait": wait}})
			if got := time.Since(began); err != nil || got != tt.want {
				t.Errorf("asked for %v of %v: it waited %v, %v; want %v", tt.asked, tt.limit, got, err, tt.want)
			}
			if server.newcomers.conns.Len() != 1 || len(server.waits) != 0 {
				t.Errorf("it left %d newcomers and %d waits", server.newcomers.conns.Len(), len(server.waits))
			}
		})
	}
}

func TestWaitEndsWithTheAgent(t *testing.T) {
	server := &Server{}
	c, stop := start(t, server)
	_, id := playing(t, c, "take", nil, "")
	conn := silent(t, c)
	fmt.Fprintf(conn, "echod-agent/1 REPORT id=%s wait=600000\n", id)
	waitFor(t, func() bool { return len(server.waits) == 1 })
	stop()
}

func TestConnectionThatWasDisplacedDoesNotWait(t *testing.T) {
	server := &Server{waits: make(chan struct{}, 1)}
	server.init()
	c, client := pipeCaller(server)
	defer client.Close()
	server.newcomers.remove(c.place)
	if err := c.wait(newRun(t.Context(), request{}, script{}), time.Hour); err != net.ErrClosed {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
	if len(server.waits) != 0 || server.newcomers.conns.Len() != 0 {
		t.Error("it left something")
	}
}

func TestClientAsksForNoLongerWaitThanThereIs(t *testing.T) {
	var line string
	c := answering(t, func(got string) string {
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

// TestReportOfARunThatIsOverNeedsNoPlaceToWait: there is nothing to wait for.
func TestReportOfARunThatIsOverNeedsNoPlaceToWait(t *testing.T) {
	server := &Server{}
	c, _ := start(t, server)
	conn, id := playing(t, c, "take", nil, "")
	conn.Close()
	waitFor(t, func() bool { return server.Snapshot().Active == 0 })
	for range cap(server.waits) {
		server.waits <- struct{}{}
	}
	if got, err := c.Report(t.Context(), id, MaxWait); err != nil || got.End != FIN {
		t.Errorf("got end %q, %v", got.End, err)
	}
}
