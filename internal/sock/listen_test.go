package sock

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestListenUnixReturnsAListenerThatLeavesTheFile: only Unlink removes it. Its mode
// does not depend on the umask.
func TestListenUnixReturnsAListenerThatLeavesTheFile(t *testing.T) {
	s := Spec{Network: "unix", Path: filepath.Join(t.TempDir(), "s")}
	ln, bound, err := ListenUnix(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if ln.Addr().String() != s.Path || bound.Path != s.Path || bound.File == (FileID{}) {
		t.Errorf("got %v, %+v; want both at %s", ln.Addr(), bound, s.Path)
	}
	if info, err := os.Lstat(s.Path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != UnixMode {
		t.Errorf("the file: got %v, %v; want mode %o", info, err, UnixMode)
	}
	conn, err := net.Dial("unix", s.Path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	if _, _, err := ListenUnix(s, Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second time: got %v, want EADDRINUSE", err)
	}
	ln.Close()
	if _, err := os.Lstat(s.Path); err != nil {
		t.Errorf("after Close: %v, want that the file is still there", err)
	}
	if err := bound.Unlink(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Unlink: got %v, want no file", err)
	}
}

func TestFreePortIsFreeAtEveryAddress(t *testing.T) {
	if !hasLoopback6() {
		t.Skip("::1 cannot be bound here")
	}
	both := []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}
	for _, network := range []string{"tcp", "udp"} {
		port := FreePort(network, both)
		if port == 0 {
			t.Fatalf("%s: no port is free at both", network)
		}
		var release []func() error
		for _, addr := range both {
			bound, free, err := bindOnce(network, netip.AddrPortFrom(addr, port).String())
			if err != nil || bound != port {
				t.Fatalf("%s: bound %d, %v; want %d", network, bound, err, port)
			}
			release = append(release, free)
		}
		if got, ok := freePort(network, []netip.Addr{both[0], netip.MustParseAddr("203.0.113.1")}); ok || got != 0 {
			t.Errorf("%s: got %d, %v at an address of another machine; want none", network, got, ok)
		}
		if got := FreePort(network, []netip.Addr{netip.MustParseAddr("203.0.113.1")}); got != 0 {
			t.Errorf("%s: got %d, want 0 for none", network, got)
		}
		for _, free := range release {
			free()
		}
	}
	if _, ok := freePort("tcp", nil); ok {
		t.Error("without addresses: got a port, want none")
	}
}

func TestBoundToReturnsTheAddressOrAnError(t *testing.T) {
	want := netip.MustParseAddrPort("127.0.0.1:7")
	tests := []struct {
		name string
		addr net.Addr
		ok   bool
	}{
		{"tcp", net.TCPAddrFromAddrPort(want), true},
		{"udp", net.UDPAddrFromAddrPort(want), true},
		{"getsockname failed", nil, false},
		{"getsockname failed, with a type", (*net.TCPAddr)(nil), false},
		{"unix", &net.UnixAddr{Name: "/s", Net: "unix"}, false},
	}
	for _, tt := range tests {
		got, err := BoundTo(tt.addr)
		if tt.ok && got != want || (err == nil) != tt.ok {
			t.Errorf("%s: got %v, %v; want %v, ok %t", tt.name, got, err, want, tt.ok)
		}
	}
}
