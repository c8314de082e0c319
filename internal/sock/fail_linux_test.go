package sock

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// failing is a kernel on which the n-th call that sets up a socket fails with EPERM. It
// records which descriptors are open.
type failing struct {
	sys.Linux
	n    int
	open map[int]bool
}

func (k *failing) turn() sys.Errno {
	if k.n--; k.n == 0 {
		return unix.EPERM
	}
	return 0
}

func (k *failing) Socket(domain, typ, proto int) (int, sys.Errno) {
	if errno := k.turn(); errno != 0 {
		return -1, errno
	}
	fd, errno := k.Linux.Socket(domain, typ, proto)
	k.open[fd] = true
	return fd, errno
}

func (k *failing) SetsockoptInt(fd, level, opt, value int) sys.Errno {
	if errno := k.turn(); errno != 0 {
		return errno
	}
	return k.Linux.SetsockoptInt(fd, level, opt, value)
}

func (k *failing) SetsockoptLinger(fd int, linger *unix.Linger) sys.Errno {
	if errno := k.turn(); errno != 0 {
		return errno
	}
	return k.Linux.SetsockoptLinger(fd, linger)
}

func (k *failing) Bind(fd int, addr unix.Sockaddr) sys.Errno {
	if errno := k.turn(); errno != 0 {
		return errno
	}
	return k.Linux.Bind(fd, addr)
}

func (k *failing) Listen(fd, backlog int) sys.Errno {
	if errno := k.turn(); errno != 0 {
		return errno
	}
	return k.Linux.Listen(fd, backlog)
}

func (k *failing) Getsockname(fd int) (unix.Sockaddr, sys.Errno) {
	if errno := k.turn(); errno != 0 {
		return nil, errno
	}
	return k.Linux.Getsockname(fd)
}

func (k *failing) Close(fd int) sys.Errno {
	delete(k.open, fd)
	return k.Linux.Close(fd)
}

// TestListenThatFailsLeavesNothingOpen lets each call fail. The error names the call, and
// no descriptor and no socket file is left.
func TestListenThatFailsLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tests := []struct {
		url   string
		calls []string
	}{
		{"tcp://127.0.0.1:0", []string{"socket", "setsockopt SO_LINGER", "setsockopt SO_REUSEADDR", "setsockopt SO_OOBINLINE", "setsockopt SO_KEEPALIVE",
			"setsockopt TCP_NODELAY", "setsockopt TCP_KEEPIDLE", "setsockopt TCP_KEEPINTVL", "setsockopt TCP_KEEPCNT", "setsockopt TCP_NOTSENT_LOWAT",
			"bind", "listen", "getsockname"}},
		{"udp://0.0.0.0:0", []string{"socket", "setsockopt SO_BROADCAST", "setsockopt SO_RCVBUF", "setsockopt SO_SNDBUF", "setsockopt IP_PKTINFO", "bind", "getsockname"}},
		{"udp://[::]:0", []string{"socket", "setsockopt SO_BROADCAST", "setsockopt SO_RCVBUF", "setsockopt SO_SNDBUF", "setsockopt IP_PKTINFO",
			"setsockopt IPV6_RECVPKTINFO", "setsockopt IPV6_V6ONLY", "bind", "getsockname"}},
		{"udp://127.0.0.1:0", []string{"socket", "setsockopt SO_BROADCAST", "setsockopt SO_RCVBUF", "setsockopt SO_SNDBUF", "bind", "getsockname"}},
		{"unix://" + path, []string{"socket", "setsockopt SO_OOBINLINE", "bind", "listen"}},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			var calls []string
			for n := 1; ; n++ {
				k := &failing{n: n, open: make(map[int]bool)}
				s := mustResolve(t, tt.url)
				fd, bound, err := Listen(k, s, testOptions)
				if err == nil {
					k.Close(fd)
					bound.Unlink()
					break
				}
				failed, ok := errors.AsType[*ListenError](err)
				call, isCall := errors.AsType[*os.SyscallError](err)
				if !ok || !isCall || !errors.Is(err, unix.EPERM) || failed.Spec.String() != s.String() || fd != -1 {
					t.Fatalf("call %d: got %d, %v; want a *ListenError of a call", n, fd, err)
				}
				calls = append(calls, call.Syscall)
				if len(k.open) != 0 {
					t.Errorf("%s failed: %d descriptors are open", call.Syscall, len(k.open))
				}
				if _, err := os.Lstat(path); call.Syscall == "listen" && !os.IsNotExist(err) {
					t.Errorf("%s failed: the socket file exists (%v)", call.Syscall, err)
				}
			}
			if diff := cmp.Diff(tt.calls, calls); diff != "" {
				t.Errorf("calls that failed (-want +got)\n%s", diff)
			}
		})
	}
}

func TestInheritThatFailsLeavesNothingOpen(t *testing.T) {
	file := fileOf(t, "tcp4", "127.0.0.1:0")
	for n := 1; n <= 9; n++ {
		k := &failing{n: n, open: make(map[int]bool)}
		before := openFiles(t)
		fd, bound, err := Inherit(k, file, Spec{Engine: "net"}, testOptions)
		if !errors.Is(err, unix.EPERM) || fd != -1 || bound != (Spec{Engine: "net"}) {
			t.Errorf("call %d: got %d, %+v, %v; want EPERM", n, fd, bound, err)
		}
		if after := openFiles(t); after != before {
			t.Errorf("call %d: %d files are open, before %d", n, after, before)
		}
	}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if fd, _, err := Inherit(&sys.Linux{}, closed, Spec{}, testOptions); fd != -1 || err == nil || !strings.Contains(err.Error(), "use of closed file") {
		t.Errorf("a closed file: got %d, %v; want that it is closed", fd, err)
	}
	if fd, err := duplicate(closed); fd != -1 || err == nil || !strings.Contains(err.Error(), "use of closed file") {
		t.Errorf("a closed file: got %d, %v; want that it is closed", fd, err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestControlSetsTheOptionsOfListen(t *testing.T) {
	config := net.ListenConfig{Control: Control(mustResolve(t, "tcp://127.0.0.1:0"), testOptions), KeepAlive: -1}
	config.SetMultipathTCP(false)
	ln, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	wantOptions(t, int(file.Fd()))
}

// brokenConn is a closed socket.
type brokenConn struct{ syscall.RawConn }

func (brokenConn) Control(func(uintptr)) error { return net.ErrClosed }

// pipe returns a descriptor that is not a socket.
func pipe(t *testing.T) syscall.RawConn {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	raw, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestOptionsOfAClosedSocketReturnAnError(t *testing.T) {
	sets := map[string]func(syscall.RawConn) error{
		"Control, tcp":           func(c syscall.RawConn) error { return Control(Spec{Network: "tcp"}, testOptions)("", "", c) },
		"ReceivePktInfo":         ReceivePktInfo,
		"(Calls{}).SetOOBInline": (Calls{}).SetOOBInline,
	}
	for name, set := range sets {
		if err := set(brokenConn{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s of a closed socket: got %v, want net.ErrClosed", name, err)
		}
		if err := set(pipe(t)); !errors.Is(err, unix.ENOTSOCK) || !strings.Contains(err.Error(), "sockopt ") {
			t.Errorf("%s of a pipe: got %v, want ENOTSOCK of setsockopt", name, err)
		}
	}
}

func TestKeepAliveIsAtLeastOneSecond(t *testing.T) {
	for ms, want := range map[int64]int{0: 1, 1: 1, 999: 1, 1000: 1, 1999: 1, 2000: 2} {
		if got := seconds(msec(ms)); got != want {
			t.Errorf("%d ms: got %d s, want %d", ms, got, want)
		}
	}
}

func TestSockaddrHasFamilyTypeAndAddress(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		url          string
		domain, kind int
		addr         unix.Sockaddr
		port         uint16
		v6only       int
	}{
		{"tcp://127.0.0.1:7", unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: 7, Addr: [4]byte{127, 0, 0, 1}}, 7, 1},
		{"udp://[::1]:65535", unix.AF_INET6, unix.SOCK_DGRAM, &unix.SockaddrInet6{Port: 65535, Addr: [16]byte{15: 1}}, 65535, 1},
		{"tls://[fe80::1%25lo]:7", unix.AF_INET6, unix.SOCK_STREAM,
			&unix.SockaddrInet6{Port: 7, Addr: [16]byte{0: 0xfe, 1: 0x80, 15: 1}, ZoneId: uint32(lo.Index)}, 7, 1},
		{"unix:///s", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "/s"}, 0, 0},
	}
	for _, tt := range tests {
		s := mustResolve(t, tt.url)
		domain, kind, addr := s.sockaddr()
		if domain != tt.domain || kind != tt.kind || !cmp.Equal(addr, tt.addr, cmp.AllowUnexported(unix.SockaddrInet4{}, unix.SockaddrInet6{}, unix.SockaddrUnix{}, unix.RawSockaddrInet4{}, unix.RawSockaddrInet6{}, unix.RawSockaddrUnix{})) {
			t.Errorf("%s: got %d, %d, %+v; want %d, %d, %+v", tt.url, domain, kind, addr, tt.domain, tt.kind, tt.addr)
		}
		if got := portOf(addr); got != tt.port {
			t.Errorf("%s: got port %d, want %d", tt.url, got, tt.port)
		}
		if got := v6only(s); got != tt.v6only {
			t.Errorf("%s: got IPV6_V6ONLY %d, want %d", tt.url, got, tt.v6only)
		}
	}
	every := mustParse(t, "tcp://:0")
	if got := v6only(every); got != 0 {
		t.Errorf("%s: got IPV6_V6ONLY %d, want 0", every, got)
	}
}
