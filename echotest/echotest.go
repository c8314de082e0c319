// Package echotest starts echo servers in tests, as net/http/httptest does for HTTP.
//
// [NewServer], [NewTLSServer], [NewUDPServer] and [NewUnixServer] start an honest echo
// server. [NewBroken] starts a server with a [Fault], and [NewBrokenProxy] a proxy with
// a [ProxyFault]. A client, a proxy or a test suite can show with them that it detects
// the fault.
//
// [NewRelay] starts a relay between a client and a server. Its [Path] describes how slow
// it is, what it loses, and which faults it has on which connections. Every proxy is a
// relay: [ProxyFaults] has examples of paths.
package echotest

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"echod/internal/endpoint"
	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/sock"
)

// Server is an echo server, or a proxy, that runs until the test ends.
type Server struct {
	url  string
	tls  *tls.Config // for clients; nil without TLS
	stop func()
	once sync.Once
}

// NewServer starts an honest echo server on 127.0.0.1 and a free TCP port. It runs
// until t ends or until [Server.Close].
func NewServer(t testing.TB) *Server {
	t.Helper()
	return startEngine(t, sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: loopback})
}

// NewUDPServer starts an honest echo server on 127.0.0.1 and a free UDP port.
func NewUDPServer(t testing.TB) *Server {
	t.Helper()
	return startEngine(t, sock.Spec{Network: "udp", Host: "127.0.0.1", Addr: loopback})
}

// NewUnixServer starts an honest echo server on a unix socket in a temporary
// directory.
func NewUnixServer(t testing.TB) *Server {
	t.Helper()
	// Not t.TempDir: with the name of a long test, the path is too long for a socket.
	dir, err := os.MkdirTemp("", "echotest")
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return startEngine(t, sock.Spec{Network: "unix", Path: filepath.Join(dir, "echo.sock")})
}

// URL returns the URL of the server: tcp://host:port, tls://host:port,
// udp://host:port or unix:///path.
func (s *Server) URL() string { return s.url }

// Addr returns the address in the URL as net.Dial takes it: host:port, or a path.
func (s *Server) Addr() string {
	u, err := endpoint.Parse(s.url)
	if err != nil {
		panic(err) // a server made the URL
	}
	return u.Address()
}

// TLS returns the configuration of a client that trusts the server's certificate. It
// returns nil for a server without TLS.
func (s *Server) TLS() *tls.Config { return s.tls.Clone() }

// Close stops the server, closes its connections and waits for them. It may be called
// more than once.
func (s *Server) Close() { s.once.Do(s.stop) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// newServer returns a Server whose stop function is called once: by Close or at the
// end of t.
func newServer(t testing.TB, url string, stop func()) *Server {
	s := &Server{url: url, stop: stop}
	t.Cleanup(s.Close)
	return s
}

// startEngine starts the net engine.
func startEngine(t testing.TB, spec sock.Spec) *Server {
	t.Helper()
	server, err := gonet.New().New(engine.Config{Listeners: []engine.Listener{{Spec: spec}}})
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	go server.Serve()
	return newServer(t, server.Listeners()[0].String(), func() {
		// A canceled context: the test is over, so the drain waits for no client.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(ctx)
	})
}

// startFunc runs serve in a goroutine until the server is closed. Then ctx is
// canceled, socket is closed, and serve must return.
func startFunc(t testing.TB, url string, socket io.Closer, serve func(ctx context.Context)) *Server {
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
