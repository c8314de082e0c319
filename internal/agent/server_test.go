package agent

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/dial"
	"echod/internal/errno"
)

// testTimeout is how long a test waits for an event that must happen.
const testTimeout = 20 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func tcpTo(ln net.Listener) dial.Target {
	return dial.Target{Network: "tcp", Address: ln.Addr().String()}
}

// start starts server. It runs until the test ends or until stop.
func start(t *testing.T, server *Server) (c *Client, stop func()) {
	t.Helper()
	return startOn(t, server, listen(t))
}

func startOn(t *testing.T, server *Server, ln net.Listener) (c *Client, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ctx, ln); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return &Client{Target: tcpTo(ln), Token: server.Token, Timeout: testTimeout}, stop
}

// send sends text on a new connection, and returns the first line of the answer.
func send(t *testing.T, c *Client, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", c.Target.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	io.WriteString(conn, text)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line
}

func TestEveryFirstLineIsAnsweredByOneLine(t *testing.T) {
	t.Parallel() // one line is too late
	c, _ := start(t, &Server{Token: NewSecret("right"), Limits: Limits{Time: 30 * time.Second}, lineTimeout: 3 * time.Second})
	tests := []struct{ name, line, want string }{
		{"hello", "echod-agent/1 HELLO token=right\n", `ok {"scenarios":["take","answer-late","fin-first","reset"],"max_delay_ms":27000}`},
		{"no token", "echod-agent/1 HELLO\n", "error token-needed "},
		{"wrong token", "echod-agent/1 HELLO token=wrong\n", "error token-wrong "},
		{"no token and an unknown verb", "echod-agent/1 NOVERB\n", "error token-needed "},
		{"other version", "echod-agent/7 HELLO\n", "error version this agent speaks echod-agent/1"},
		{"other protocol", "GET / HTTP/1.1\r\n\r\n", "error malformed "},
		{"unknown verb", "echod-agent/1 NOVERB token=right\n", "error unknown NOVERB"},
		{"unknown scenario", "echod-agent/1 RUN noscenario id=1 token=right\n", "error unknown the scenario noscenario"},
		{"scenario with datagrams without a socket", "echod-agent/1 RUN datagram-late id=1 token=right\n", "error unknown the scenario datagram-late"},
		{"unknown parameter", "echod-agent/1 RUN take id=1 nokey=2 token=right\n", "error unknown the parameter nokey of RUN take"},
		{"parameter of another scenario", "echod-agent/1 RUN take id=1 delay=2 token=right\n", "error unknown the parameter delay of RUN take"},
		{"no ID", "echod-agent/1 RUN take token=right\n", "error malformed RUN needs id="},
		{"long ID", "echod-agent/1 RUN take id=" + strings.Repeat("x", 65) + " token=right\n", "error malformed RUN needs id="},
		{"not a number", "echod-agent/1 RUN reset id=1 take=some token=right\n", "error malformed take must be a whole number, 0 or more"},
		{"negative number", "echod-agent/1 RUN reset id=1 take=-1 token=right\n", "error malformed take must be a whole number, 0 or more"},
		{"more than the maximum", "echod-agent/1 RUN reset id=1 take=1048577 token=right\n", "error limit take may be at most 1048576"},
		{"give is more than take", "echod-agent/1 RUN reset id=1 take=1 give=2 token=right\n", "error limit give may be at most 1"},
		{"delay too long", "echod-agent/1 RUN answer-late id=1 delay=27001 token=right\n", "error limit delay may be at most 27000"},
		{"report of an unknown run", "echod-agent/1 REPORT id=none token=right\n", "error id no run has that ID; a report is kept for 2m0s"},
		{"wait too long", "echod-agent/1 REPORT id=none wait=600001 token=right\n", "error limit wait may be at most 600000"},
		{"count of an unknown group", "echod-agent/1 COUNT group=none token=right\n", `ok {"open":0}`},
		{"count without a group", "echod-agent/1 COUNT token=right\n", "error malformed COUNT needs group="},
		{"too long", "echod-agent/1 HELLO token=" + strings.Repeat("x", MaxLine) + "\n", "error malformed "},
		{"too late", "echod-agent/1 HEL", "error malformed "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := send(t, c, tt.line); !strings.HasPrefix(got, "echod-agent/1 "+tt.want) || !strings.HasSuffix(got, "\n") {
				t.Errorf("got %q, want a line that begins with %q", got, "echod-agent/1 "+tt.want)
			}
		})
	}
}

func TestSilentConnectionGetsNoAnswer(t *testing.T) {
	c, _ := start(t, &Server{lineTimeout: time.Millisecond})
	if got := send(t, c, ""); got != "" {
		t.Errorf("got %q", got)
	}
}

// startScenario starts a scenario and sends text.
func startScenario(t *testing.T, c *Client, scenario string, params Params, text string) (*net.TCPConn, string) {
	t.Helper()
	conn, err := c.Start(t.Context(), scenario, "", params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn.Conn.(*net.TCPConn), conn.ID
}

func TestScenariosBehaveAsDocumented(t *testing.T) {
	const text = "as it was sent"
	closeConn := func(t *testing.T, conn *net.TCPConn) { conn.Close() }
	finish := func(want string, end error) func(*testing.T, *net.TCPConn) {
		return func(t *testing.T, conn *net.TCPConn) {
			conn.CloseWrite()
			wantEnd(t, conn, want, end)
		}
	}
	tests := []struct {
		name     string
		scenario string
		params   Params
		end      func(*testing.T, *net.TCPConn)
		want     Report
	}{
		{"take: FIN", "take", nil, finish("", nil), Report{Received: 14, End: FIN}},
		{"take: close", "take", nil, closeConn, Report{Received: 14, End: FIN}},
		{"answer-late", "answer-late", Params{"delay": 1}, finish(text, nil), Report{Received: 14, Sent: 14, End: FIN}},
		{"reset", "reset", Params{"take": 14, "give": 2}, func(t *testing.T, conn *net.TCPConn) {
			wantEnd(t, conn, "as", syscall.ECONNRESET)
		}, Report{Received: 14, Sent: 2, End: Acted}},
		{"reset: early FIN", "reset", Params{"take": 15}, finish("", syscall.ECONNRESET),
			Report{Received: 14, End: FIN, Error: "unexpected EOF"}},
		{"fin-first", "fin-first", nil, func(t *testing.T, conn *net.TCPConn) {
			wantEnd(t, conn, "", nil)
			io.WriteString(conn, text)
			conn.Close()
		}, Report{Received: 28, End: FIN}},
	}
	c, _ := start(t, &Server{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, id := startScenario(t, c, tt.scenario, tt.params, text)
			tt.end(t, conn)
			got, err := c.Report(t.Context(), id, testTimeout)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(strings.Repeat(text, int(tt.want.Received)/len(text))))
			tt.want.ID, tt.want.Scenario, tt.want.SHA256 = id, tt.scenario, hex.EncodeToString(sum[:])
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Report{}, "EndMS", "TotalMS")); diff != "" {
				t.Errorf("report differs (-want +got):\n%s", diff)
			}
		})
	}
}

// wantEnd reads until the connection ends. The error nil means a FIN.
func wantEnd(t *testing.T, conn net.Conn, want string, end error) {
	t.Helper()
	got, err := io.ReadAll(conn)
	if string(got) != want || !errors.Is(err, end) && error(errno.Of(err)) != end {
		t.Errorf("got %q and %v, want %q and %v", got, err, want, end)
	}
}

func TestReportShowsResetsAndOpenConnections(t *testing.T) {
	c, _ := start(t, &Server{})
	conn, id := startScenario(t, c, "take", nil, "")
	if got, err := c.Report(t.Context(), id, 0); err != nil || got.End != Open {
		t.Errorf("got end %q, %v; want open", got.End, err)
	}
	conn.SetLinger(0)
	conn.Close()
	if got, err := c.Report(t.Context(), id, testTimeout); err != nil || got.End != Reset {
		t.Errorf("got end %q, %v; want a reset", got.End, err)
	}
}

func TestScenariosEndAtTheirLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits Limits
		sent   int
	}{
		{"time", Limits{Time: 50 * time.Millisecond}, 0},
		{"bytes", Limits{Bytes: 1000}, 1001},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := start(t, &Server{Limits: tt.limits, lineTimeout: time.Hour})
			conn, id := startScenario(t, c, "take", nil, strings.Repeat("x", tt.sent))
			wantEnd(t, conn, "", syscall.ECONNRESET)
			if got, err := c.Report(t.Context(), id, testTimeout); err != nil || got.End != Limit {
				t.Errorf("got end %q, %v; want a limit", got.End, err)
			}
		})
	}
}

func TestActiveScenariosAreLimited(t *testing.T) {
	c, _ := start(t, &Server{Limits: Limits{Runs: 1}})
	conn, id := startScenario(t, c, "take", nil, "")
	var refusal *Refusal
	if _, err := c.Start(t.Context(), "take", "", nil); !errors.As(err, &refusal) || refusal.Kind != busy {
		t.Errorf("got %v, want busy", err)
	}
	conn.Close()
	if _, err := c.Report(t.Context(), id, testTimeout); err != nil {
		t.Fatal(err)
	}
	startScenario(t, c, "take", nil, "")
}

func TestCountCountsOneGroup(t *testing.T) {
	c, _ := start(t, &Server{})
	one, err := c.Start(t.Context(), "take", "mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	startScenario(t, c, "take", nil, "") // without a group
	if n, err := c.Count(t.Context(), "mine"); n != 1 || err != nil {
		t.Errorf("got %d, %v; want 1", n, err)
	}
	one.Close()
	if _, err := c.Report(t.Context(), one.ID, testTimeout); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Count(t.Context(), "mine"); n != 0 || err != nil {
		t.Errorf("got %d, %v; want 0", n, err)
	}
}

func TestShutdownResetsActiveConnections(t *testing.T) {
	c, stop := start(t, &Server{})
	waits, _ := startScenario(t, c, "answer-late", Params{"delay": 60000}, "")
	waits.CloseWrite()
	reads, _ := startScenario(t, c, "take", nil, "")
	stop()
	wantEnd(t, waits, "", syscall.ECONNRESET)
	wantEnd(t, reads, "", syscall.ECONNRESET)
}
