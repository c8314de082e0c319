//go:build linux

package reactor

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// On a 32-bit machine a conn is smaller: a pointer has 4 bytes, and 64-bit fields are aligned
// to 4 bytes.
func TestConnectionIsOneCacheLine(t *testing.T) {
	const pointerSize = unsafe.Sizeof(uintptr(0))
	if got := unsafe.Sizeof(conn{}); got > 64 || pointerSize == 8 && got != 64 {
		t.Errorf("size of conn: got %d bytes, want 64, or less on a 32-bit machine", got)
	}
}

// TestIdleConnectionCostsAtMost70Bytes measures the heap, so no other test may run at the
// same time. The clients are bare descriptors, which use no heap.
func TestIdleConnectionCostsAtMost70Bytes(t *testing.T) {
	const clients = 4000
	s := serveLoopback(t, Epoll(&sys.Linux{}))
	fds := make([]int, 0, clients)
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	addr := s.Listeners()[0].Addr
	to := &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	before := heap()
	for range clients {
		fds = append(fds, connectBare(t, to))
	}
	for began := time.Now(); s.Stats().Active != clients; time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("served: got %d of %d connections", s.Stats().Active, clients)
		}
	}
	if got := float64(heap()-before) / clients; got > 70 {
		t.Errorf("an idle connection: got %.0f bytes of heap, want at most 70", got)
	} else {
		t.Logf("an idle connection: %.0f bytes of heap", got)
	}
}

// serveLoopback serves TCP on 127.0.0.1 until the test ends.
func serveLoopback(t *testing.T, e engine.Engine) engine.Server {
	t.Helper()
	spec := sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	s, err := e.New(engine.Config{Listeners: []engine.Listener{{Spec: spec}}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- s.Serve() }()
	t.Cleanup(func() {
		s.Shutdown(t.Context()) // which is done, so it resets everything
		<-over
	})
	return s
}

// connectBare connects without package net, on a descriptor far above those of the server:
// the table has an entry for each descriptor up to the server's highest.
func connectBare(t *testing.T, to unix.Sockaddr) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if err := unix.Connect(high, to); err != nil {
		t.Fatal(err)
	}
	return high
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
