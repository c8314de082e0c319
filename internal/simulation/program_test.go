//go:build linux

package simulation

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"echod/internal/admin"
	"echod/internal/agent"
)

// program is what listens beside a service: strangers may call it, and it answers one
// request at least.
type program interface {
	// serve serves until end.
	serve(ln net.Listener, log *slog.Logger) error
	end()
	// request is what is always answered, and answered reports whether it was.
	request() string
	answered(received string) bool
	// says are first words of strangers. Whoever says them may go on with anything.
	says() []string
	// leaks reports whether who said first may not see received.
	leaks(first, received string) bool
	// most is how many connections it may have.
	most() int
	// longest is for how long strangers may keep others from being answered.
	longest() time.Duration
}

// newProgram returns the program of a plan.
func newProgram(name string) program {
	ctx, cancel := context.WithCancel(context.Background())
	if name == "agent" {
		return &theAgent{ctx: ctx, cancel: cancel}
	}
	return &theAdmin{ctx: ctx, cancel: cancel}
}

// theAgent is an agent with a token.
type theAgent struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// token is what a request to the agent needs.
const token = "8c2vTz0sQ1"

const (
	runs         = 2    // the limit that the agent is given
	maxNewcomers = 1024 // and its own ones
	closing      = 64
)

func (a *theAgent) serve(ln net.Listener, log *slog.Logger) error {
	s := agent.Server{Token: agent.NewSecret(token), Log: log,
		Limits: agent.Limits{Time: 20 * time.Second, Bytes: 2000, Runs: runs}}
	return s.Serve(a.ctx, ln)
}

func (a *theAgent) end()                     { a.cancel() }
func (a *theAgent) request() string          { return "echod-agent/1 HELLO token=" + token + "\n" }
func (a *theAgent) answered(got string) bool { return strings.HasPrefix(got, "echod-agent/1 ok {") }
func (a *theAgent) most() int                { return maxNewcomers + closing + 3*runs }
func (a *theAgent) longest() time.Duration   { return 0 }

func (a *theAgent) says() []string {
	return []string{
		"", "\n", "GET / HTTP/1.0\r\n\r\n", strings.Repeat("x", 2000), "echod-agent/1",
		"echod-agent/1 HELLO\n", "echod-agent/2 HELLO token=" + token + "\n", "echod-agent/1 HELLO token=wrong\n",
		"echod-agent/1 " + token + "\n", "echod-agent/1 RUN " + token + " token=" + token + "\n",
		"echod-agent/1 RUN take id=" + token + " token=" + token + "\n",
		"echod-agent/1 RUN take id=a group=g token=" + token + "\n", "echod-agent/1 RUN answer-late delay=3000 id=b token=" + token + "\n",
		"echod-agent/1 RUN fin-first id=c token=" + token + "\n", "echod-agent/1 RUN reset take=50 give=20 delay=10 id=d token=" + token + "\n",
		"echod-agent/1 REPORT id=a wait=60000 token=" + token + "\n", "echod-agent/1 REPORT id=b wait=1000 token=" + token + "\n",
		"echod-agent/1 COUNT group=g token=" + token + "\n", "echod-agent/1 HELLO tok" + token + "=1 token=" + token + "\n",
	}
}

// leaks: nobody sees the token.
func (a *theAgent) leaks(_, received string) bool { return strings.Contains(received, token) }

// theAdmin is an admin server with something to say.
type theAdmin struct {
	ctx    context.Context
	cancel context.CancelFunc
}

const maxAdminConns = 64

func (a *theAdmin) serve(ln net.Listener, log *slog.Logger) error {
	s := admin.New(admin.Config{Log: log}, ln, "http://"+ln.Addr().String())
	context.AfterFunc(a.ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})
	return s.Serve(admin.Handlers{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("metric 1\n", 2000)) }),
	})
}

func (a *theAdmin) end()                     { a.cancel() }
func (a *theAdmin) request() string          { return get("/healthz", "localhost") }
func (a *theAdmin) answered(got string) bool { return strings.HasPrefix(got, "HTTP/1.1 200 OK") }

// most: one more waits for a place with its connection accepted.
func (a *theAdmin) most() int { return maxAdminConns + 1 }

// longest: a slow reader has a minute, and so has the one who comes after it.
func (a *theAdmin) longest() time.Duration { return 3 * time.Minute }

func get(path, host string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
}

func (a *theAdmin) says() []string {
	return []string{
		"", "\n", "\x16\x03\x01\x02\x00\x01", strings.Repeat("x", 20_000), "GET / HTTP/1.1\r\nHost: local",
		get("/healthz", "localhost"), get("/metrics", "localhost"), get("/metrics", "evil.example"), get("/metrics", ""),
		strings.Repeat(get("/metrics", "127.0.0.1"), 5), "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		"GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	}
}

// leaks: who calls it by another name sees no metrics.
func (a *theAdmin) leaks(first, received string) bool {
	return strings.Contains(first, "evil.example") && strings.Contains(received, "metric 1")
}
