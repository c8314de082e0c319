package gonet

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/engine/enginetest"
	"echod/internal/sock"
)

// waitLimit bounds how long a test waits for an event.
const waitLimit = 10 * time.Second

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
	return serveWith(t, New(), cfg)
}

// serveWith is serveAll with another engine than New's.
func serveWith(t testing.TB, e engine.Engine, cfg engine.Config) *server {
	t.Helper()
	srv, err := e.New(cfg)
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
	conn, err := net.Dial(spec.Transport(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(waitLimit))
	return conn
}

// roundTrip sends p and receives its echo.
func roundTrip(t testing.TB, conn net.Conn, p, back []byte) {
	if _, err := conn.Write(p); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, back[:len(p)]); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until done returns true.
func eventually(t *testing.T, done func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(waitLimit); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v until %s", waitLimit, what)
		}
	}
}

// TestWaitingListenerKeepsNoSlot has two listeners share a limit of one connection.
func TestWaitingListenerKeepsNoSlot(t *testing.T) {
	spec := sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	s := serveAll(t, engine.Config{
		Listeners: []engine.Listener{{Spec: spec}, {Spec: spec}},
		Budget:    engine.NewBudget(engine.Limits{MaxConns: 1}),
	})
	for i := range s.Listeners() {
		conn := dialListener(t, s, i)
		roundTrip(t, conn, []byte("echo"), make([]byte, 4))
		conn.Close()
		eventually(t, func() bool { return s.Stats().Active == 0 }, "the connection is closed")
	}
	if got := s.Stats().Accepts[accept.Full]; got != 0 {
		t.Errorf("pauses at the limit: got %d, want none", got)
	}
}

func TestCauseOfReturnsTheCauseOfErrorsOfPackageNet(t *testing.T) {
	tests := []struct {
		err  error
		want engine.Cause
	}{
		{&net.OpError{Op: "read", Err: net.ErrClosed}, engine.Drained},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, engine.PeerReset},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, engine.PeerLost},
		{errors.New("no errno at all"), engine.Broken},
	}
	for _, tt := range tests {
		if got := causeOf(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestMain runs more tests side by side than there are processors: most of their time is
// spent waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "12")
	enginetest.Main(m, New())
}

func TestEngine(t *testing.T) { enginetest.Run(t, New()) }

func TestTracedEngineKeepsItsPromises(t *testing.T) { enginetest.RunTraced(t, New()) }
