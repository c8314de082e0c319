package echotest

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/sock"
)

// NewServer starts an honest echo server on 127.0.0.1 and a free TCP port. It
// serves until t ends; Close ends it earlier.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return serve(t, sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: loopback})
}

// NewUDPServer starts an honest echo server of datagrams on 127.0.0.1 and a
// free UDP port.
func NewUDPServer(t testing.TB) *Server {
	t.Helper()
	return serve(t, sock.Spec{Network: "udp", Host: "127.0.0.1", Addr: loopback})
}

// NewUnixServer starts an honest echo server on a unix socket in a directory of
// its own.
func NewUnixServer(t testing.TB) *Server {
	t.Helper()
	// Not t.TempDir: a long test's name does not fit into a socket's address.
	dir, err := os.MkdirTemp("", "echotest")
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return serve(t, sock.Spec{Network: "unix", Path: filepath.Join(dir, "echo.sock")})
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// serve starts the net engine on spec.
func serve(t testing.TB, spec sock.Spec) *Server {
	t.Helper()
	server, err := gonet.New().New(engine.Config{Listeners: []engine.Listener{{Spec: spec}}})
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	go server.Serve()
	return newServer(t, server.Listeners()[0].String(), func() {
		// A context that is over: nobody who still reads is worth waiting for
		// when the test is.
		over, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(over)
	})
}
