package gonet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// patience is how long a test waits for an event that should come at once.
const patience = 10 * time.Second

// serve starts a server on one listener of network and ends it with t.
func serve(t testing.TB, network string, cfg engine.Config) *server {
	t.Helper()
	spec := sock.Spec{Network: network}
	if network == "unix" {
		spec.Path = filepath.Join(t.TempDir(), "s")
	} else {
		spec.Host, spec.Addr = "127.0.0.1", netip.MustParseAddrPort("127.0.0.1:0")
	}
	cfg.Listeners = []engine.Listener{{Spec: spec}}
	return serveAll(t, cfg)
}

// serveAll starts a server on cfg's listeners and ends it with t.
func serveAll(t testing.TB, cfg engine.Config) *server {
	t.Helper()
	srv, err := New().New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		srv.Shutdown(now)
		if err := <-served; err != engine.ErrClosed {
			t.Errorf("Serve: got %v, want %v", err, engine.ErrClosed)
		}
	})
	return srv.(*server)
}

// dial connects to s's only listener.
func dial(t testing.TB, s *server) net.Conn {
	t.Helper()
	return dialListener(t, s, 0)
}

// dialListener connects to the i-th listener of s.
func dialListener(t testing.TB, s *server, i int) net.Conn {
	t.Helper()
	spec := s.Listeners()[i]
	_, addr, _ := strings.Cut(spec.String(), "://")
	conn, err := net.Dial(spec.Network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// roundTrip sends p and wants it back.
func roundTrip(t testing.TB, conn net.Conn, p, back []byte) {
	if _, err := conn.Write(p); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, back[:len(p)]); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until done says so.
func eventually(t *testing.T, done func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}
