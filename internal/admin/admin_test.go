package admin

import (
	"bufio"
	"echod/internal/usage"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// serve runs a server until the test ends. Change may alter it before it serves.
func serve(t *testing.T, cfg Config, h Handlers, change func(*Server)) *Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(h) }()
	t.Cleanup(func() {
		s.Shutdown(t.Context())
		if err := <-served; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	return s
}

// ask sends one request, which consists of lines, and returns the answer.
func ask(t *testing.T, s *Server, lines ...string) (status int, body string, header http.Header) {
	t.Helper()
	conn := dial(t, s)
	fmt.Fprintf(conn, "%s\r\n\r\n", strings.Join(lines, "\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", lines[0], err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", lines[0], err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial(s.ln.Addr().Network(), s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

func TestAdminAnswers(t *testing.T) {
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) })
	}
	options := Config{Pprof: true, Hosts: []string{"Echo.example"}}
	full := Handlers{Metrics: text("echod_up 1"), Page: text("page")}
	draining := Handlers{Ready: func() (bool, string) { return false, "draining" }}
	tests := []struct {
		name, request, host string
		handlers            Handlers
		status              int
		body                string
	}{
		{"health", "GET /healthz", "localhost", Handlers{}, 200, "ok\n"},
		{"readiness", "GET /readyz", "localhost", Handlers{}, 200, "ok\n"},
		{"readiness while draining", "GET /readyz", "localhost", draining, 503, "draining\n"},
		{"health while draining", "GET /healthz", "localhost", draining, 200, "ok\n"},
		{"metrics", "GET /metrics", "127.0.0.1:9462", full, 200, "echod_up 1"},
		{"page", "GET /", "[::1]:9090", full, 200, "page"},
		{"what belongs to the page", "GET /page.js", "[::1]", full, 200, "page"},
		{"without metrics", "GET /metrics", "localhost", Handlers{}, 404, "404 page not found\n"},
		{"without a page", "GET /", "localhost", Handlers{}, 404, "404 page not found\n"},
		{"profiles without Pprof", "GET /debug/pprof/", "localhost", Handlers{}, 404, "404 page not found\n"},
		{"profiles", "GET /debug/pprof/cmdline", "localhost", full, 200, ""},
		{"an allowed name", "GET /healthz", "echo.EXAMPLE.:80", full, 200, "ok\n"},
		{"another name, as in DNS rebinding", "GET /metrics", "evil.example", full, 421, "unknown host; --admin-host NAME allows it\n"},
		{"no name", "GET /metrics", "", full, 421, "unknown host; --admin-host NAME allows it\n"},
		{"a request to change something", "POST /", "localhost", full, 405, "only GET and HEAD are allowed\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := options
			if tt.handlers.Page == nil {
				cfg = Config{} // without options
			}
			s := serve(t, cfg, tt.handlers, nil)
			status, body, header := ask(t, s, tt.request+" HTTP/1.1", "Host: "+tt.host, "Connection: close")
			if status != tt.status || tt.body != "" && body != tt.body {
				t.Errorf("got %d %q, want %d %q", status, body, tt.status, tt.body)
			}
			if got := header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") {
				t.Errorf("content security policy: got %q", got)
			}
		})
	}
}

func TestPublicAndInvalidAddressesAreRefused(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.com:80", "9090", "localhost", "127.0.0.1:99999", "127.0.0.1:x"} {
		_, err := Listen(Config{Addr: addr})
		if _, ok := errors.AsType[*usage.Error](err); !ok {
			t.Errorf("%s: got %v, want a *usage.Error", addr, err)
		}
	}
	s, err := Listen(Config{Addr: "0.0.0.0:0", Public: true})
	if err != nil {
		t.Fatalf("with Public: %v", err)
	}
	s.Shutdown(t.Context())
}

// TestSlowRequestsAreCutOff checks that the server has all timeouts, and shortens them.
func TestSlowRequestsAreCutOff(t *testing.T) {
	const soon = 50 * time.Millisecond
	s := serve(t, Config{}, Handlers{}, func(s *Server) {
		for _, wait := range []*time.Duration{
			&s.http.ReadHeaderTimeout, &s.http.ReadTimeout, &s.http.WriteTimeout, &s.http.IdleTimeout,
		} {
			if *wait < time.Second || *wait > 5*time.Minute {
				t.Errorf("a timeout of the server: got %v, want seconds or a few minutes", *wait)
			}
			*wait = soon
		}
	})
	const whole = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, start := range []string{"", whole[:15], whole[:len(whole)-2] + "X-Slow: ", whole} {
		conn := dial(t, s)
		io.WriteString(conn, start)
		// The connection ends, with or without an answer.
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %q: the connection is still open", start)
		}
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	s := serve(t, Config{}, Handlers{}, nil)
	conn := dial(t, s)
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 2*maxHeader))
	// A reset may cut off what follows the first line: the server did not read the whole
	// request.
	if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 431 ") {
		t.Errorf("got %q, %v; want 431", line, err)
	}
}

// TestSilentConnectionsDoNotBlockNewOnes opens as many connections as are allowed, and
// sends nothing: they are closed, and the next one is answered.
func TestSilentConnectionsDoNotBlockNewOnes(t *testing.T) {
	s := serve(t, Config{maxConns: 2}, Handlers{}, func(s *Server) {
		s.http.ReadHeaderTimeout = 50 * time.Millisecond
	})
	for range 6 {
		dial(t, s)
	}
	if status, _, _ := ask(t, s, "GET /healthz HTTP/1.1", "Host: localhost", "Connection: close"); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
}

// failingListener fails once with each error number, and then works.
type failingListener struct {
	net.Listener
	next syscall.Errno
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.next++; l.next < 134 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", l.next)}
	}
	return l.Listener.Accept()
}

func TestNoErrorOfAcceptEndsTheAdminAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		limited := limitConns(&failingListener{Listener: ln}, 1, "http://127.0.0.1:9462", slog.New(slog.DiscardHandler))
		go func() { ln.conns <- nil }()
		if _, err := limited.Accept(); err != nil {
			t.Errorf("after every error: got %v, want a connection", err)
		}
		limited.Close()
	})
}

// pipeListener accepts the connections from conns.
type pipeListener struct {
	net.Listener
	conns chan net.Conn
}

func newPipeListener() *pipeListener { return &pipeListener{conns: make(chan net.Conn)} }

func (l *pipeListener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l *pipeListener) Close() error              { return nil }
