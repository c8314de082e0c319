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

var testOptions = Options{KeepAlive: DefaultKeepAlive}

// mustResolve returns the Spec of a URL, resolved.
func mustResolve(t *testing.T, url string) Spec {
	t.Helper()
	s, err := mustParse(t, url).Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s[0]
}

func mustListen(t *testing.T, url string) (int, Spec) {
	t.Helper()
	fd, s, err := Listen(&sys.Linux{}, mustResolve(t, url), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd, s
}

func TestListenReturnsThePortThatWasBound(t *testing.T) {
	for _, url := range []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "tcp://:0"} {
		t.Run(url, func(t *testing.T) {
			_, s := mustListen(t, url)
			conn, err := net.Dial(s.Network, net.JoinHostPort("127.0.0.1", s.String()[strings.LastIndexByte(s.String(), ':')+1:]))
			if err != nil {
				t.Fatalf("dial %s: %v", s, err)
			}
			conn.Close()
		})
	}
}

func TestListenMakesASocketFileOfMode0660(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	bindStale(t, path)
	_, s := mustListen(t, "unix://"+path)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|UnixMode {
		t.Fatalf("got %v, %v; want a socket of mode 0660", info.Mode(), err)
	}
	if _, _, err := Listen(&sys.Linux{}, s, testOptions); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listen: got %v, want EADDRINUSE", err)
	}
	if err := s.Unlink(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after Unlink: got %v, want no file", err)
	}
}

func TestListenErrorNamesTheSystemCall(t *testing.T) {
	_, taken := mustListen(t, "tcp://127.0.0.1:0")
	tests := []struct {
		url, want string
		is        error
	}{
		{taken.String(), "listen " + taken.String() + ": bind: address already in use", syscall.EADDRINUSE},
		{"tcp://192.0.2.1:0", "listen tcp://192.0.2.1:0: bind: cannot assign requested address", syscall.EADDRNOTAVAIL},
		{"unix:///nowhere/s", "listen unix:///nowhere/s: bind: no such file or directory", syscall.ENOENT},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, _, err := Listen(&sys.Linux{}, mustResolve(t, tt.url), testOptions)
			if !errors.Is(err, tt.is) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestInheritedSocketIsLikeOneOfListen(t *testing.T) {
	tests := []struct {
		name string
		file func(t *testing.T) *os.File
	}{
		{"tcp", func(t *testing.T) *os.File { return fileOf(t, "tcp4", "127.0.0.1:0") }},
		{"tcp both families", func(t *testing.T) *os.File { return fileOf(t, "tcp", ":0") }},
		{"udp", func(t *testing.T) *os.File { return fileOf(t, "udp4", "127.0.0.1:0") }},
		{"unix", func(t *testing.T) *os.File { return fileOf(t, "unix", filepath.Join(t.TempDir(), "s")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := tt.file(t)
			s, err := SpecOf(file)
			if err != nil {
				t.Fatal(err)
			}
			s.Engine = "epoll"
			if err := withFileFD(file, func(fd int) error { return unix.SetNonblock(fd, false) }); err != nil {
				t.Fatal(err)
			}
			fd, bound, err := Inherit(&sys.Linux{}, file, s, testOptions)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if bound != s {
				t.Errorf("Inherit made %+v of %+v", bound, s)
			}
			if _, err := Parse(bound.String()); err != nil {
				t.Error(err)
			}
			if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); flags&unix.O_NONBLOCK == 0 {
				t.Error("the descriptor is blocking")
			}
			if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
				t.Error("the descriptor is not close-on-exec")
			}
			if s.Network == "tcp" {
				wantOptions(t, fd)
			}
		})
	}
}

func TestSpecOfReportsWhetherBothFamiliesAreServed(t *testing.T) {
	if !hasLoopback6() {
		t.Skip("::1 cannot be bound here")
	}
	for _, tt := range []struct{ network, address, host string }{
		{"tcp", ":0", ""}, {"tcp6", "[::]:0", "::"}, {"tcp6", "[::1]:0", "::1"}, {"tcp4", "0.0.0.0:0", "0.0.0.0"},
	} {
		s, err := SpecOf(fileOf(t, tt.network, tt.address))
		if err != nil || s.Host != tt.host {
			t.Errorf("%s %s: got host %q, %v; want %q", tt.network, tt.address, s.Host, err, tt.host)
		}
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	loopback := unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	if err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0), unix.Bind(fd, &loopback), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	if s, err := SpecOf(file); err != nil || s.Host != "::1" {
		t.Errorf("::1 on a socket for both: got host %q, %v; want ::1", s.Host, err)
	}
}

func TestAcceptedSocketsInheritTheOptions(t *testing.T) {
	fd, s := mustListen(t, "tcp://127.0.0.1:0")
	conn, err := net.Dial("tcp", s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepted)
	wantOptions(t, accepted)
}

// wantOptions checks the options of a tcp socket.
func wantOptions(t *testing.T, fd int) {
	t.Helper()
	linger, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
	if diff := cmp.Diff(&unix.Linger{Onoff: 1}, linger); err != nil || diff != "" {
		t.Errorf("SO_LINGER: %v (-want +got)\n%s", err, diff)
	}
	for _, tt := range []struct {
		name             string
		level, opt, want int
	}{
		{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0},
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 1 << 20},
	} {
		if got, err := unix.GetsockoptInt(fd, tt.level, tt.opt); err != nil || got != tt.want {
			t.Errorf("%s: got %d, %v; want %d", tt.name, got, err, tt.want)
		}
	}
}

// TestDatagramSocketCannotSendToBroadcast tests sockets of Listen, of package net, and
// inherited ones.
func TestDatagramSocketCannotSendToBroadcast(t *testing.T) {
	want := func(t *testing.T, fd int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST); err != nil || got != 0 {
			t.Errorf("SO_BROADCAST: got %d, %v; want 0", got, err)
		}
	}
	t.Run("made by Listen", func(t *testing.T) {
		fd, _ := mustListen(t, "udp://127.0.0.1:0")
		want(t, fd)
	})
	t.Run("made by package net", func(t *testing.T) {
		config := net.ListenConfig{Control: Control(mustResolve(t, "udp://127.0.0.1:0"), testOptions)}
		conn, err := config.ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		raw, err := conn.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { want(t, int(fd)) })
	})
	t.Run("inherited", func(t *testing.T) {
		file := fileOf(t, "udp4", "127.0.0.1:0") // package net has set the option
		fd, _, err := Inherit(&sys.Linux{}, file, Spec{}, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		want(t, fd)
	})
}

func TestSpecOfReturnsAnErrorForUnsupportedSockets(t *testing.T) {
	raw := func(t *testing.T, domain, kind, proto int) *os.File {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), "LISTEN_FD_3")
		t.Cleanup(func() { file.Close() })
		return file
	}
	tests := []struct {
		name string
		file func(t *testing.T) *os.File
		want string
	}{
		{"tcp that does not listen", func(t *testing.T) *os.File { return raw(t, unix.AF_INET, unix.SOCK_STREAM, 0) },
			"inherit LISTEN_FD_3: the tcp socket does not listen"},
		{"udp that is not bound", func(t *testing.T) *os.File { return raw(t, unix.AF_INET, unix.SOCK_DGRAM, 0) },
			"inherit LISTEN_FD_3: the udp socket is not bound"},
		{"unix datagrams", func(t *testing.T) *os.File { return raw(t, unix.AF_UNIX, unix.SOCK_DGRAM, 0) },
			"inherit LISTEN_FD_3: a socket of type 2 is neither tcp, udp nor a unix stream"},
		{"multipath tcp", func(t *testing.T) *os.File { return raw(t, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) },
			"inherit LISTEN_FD_3: a multipath TCP socket is not served, plain tcp is"},
		{"no socket", func(t *testing.T) *os.File {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close(); w.Close() })
			return r
		}, "inherit |0: getsockopt SO_TYPE: socket operation on non-socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := SpecOf(tt.file(t)); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// fileOf binds a socket as systemd does and returns its descriptor.
func fileOf(t *testing.T, network, address string) *os.File {
	t.Helper()
	type filer interface {
		File() (*os.File, error)
		Close() error
	}
	var socket any
	var err error
	if network == "udp4" {
		socket, err = net.ListenPacket(network, address)
	} else {
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		socket, err = config.Listen(t.Context(), network, address)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := socket.(filer).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); socket.(filer).Close() })
	return file
}

func TestZoneNamesAndIndexesConvertIntoEachOther(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]uint32{"": 0, "lo": uint32(lo.Index), "7": 7, "4294967295": 1<<32 - 1, "4294967296": 0, "nosuch": 0} {
		if got := zoneID(zone); got != want {
			t.Errorf("%q: got %d, want %d", zone, got, want)
		}
	}
	for id, want := range map[uint32]string{0: "", uint32(lo.Index): "lo", 4_000_000: "4000000"} {
		if got := zoneName(id); got != want {
			t.Errorf("%d: got %q, want %q", id, got, want)
		}
	}
}
