package gonet

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"echod/internal/engine"
	"echod/internal/sock"
)

// TestAcceptedConnectionHasTheOptionsOfItsListener: those of a listener that another
// process has bound are set too late for a connection that is in its queue.
func TestAcceptedConnectionHasTheOptionsOfItsListener(t *testing.T) {
	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	bound, err := plain.Listen(t.Context(), "tcp", loopback.String())
	if err != nil {
		t.Fatal(err)
	}
	defer bound.Close()
	file, err := bound.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	queued, err := net.Dial("tcp", bound.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	for name, listener := range map[string]engine.Listener{
		"ours":      {Spec: sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: loopback}},
		"inherited": {File: file},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveAll(t, engine.Config{Listeners: []engine.Listener{listener}, KeepAlive: sock.DefaultKeepAlive})
			if listener.File == nil {
				dial(t, s)
			}
			eventually(t, func() bool { return s.Stats().Active == 1 }, "the connection is accepted")
			s.mu.Lock()
			defer s.mu.Unlock()
			for c := range s.conns {
				wantOptions(t, c.socket.(*net.TCPConn))
			}
		})
	}
}

func wantOptions(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for _, tt := range []struct {
			name             string
			level, opt, want int
		}{
			{"SO_LINGER", syscall.SOL_SOCKET, syscall.SO_LINGER, 1},
			{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 60},
			{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
			{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
		} {
			if got, err := syscall.GetsockoptInt(int(fd), tt.level, tt.opt); err != nil || got != tt.want {
				t.Errorf("%s: got %d, %v; want %d", tt.name, got, err, tt.want)
			}
		}
	})
}
