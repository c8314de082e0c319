package sock

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestListenUnixServesPackageNet: the file is removed by Unlink alone, and its mode
// does not depend on the umask.
func TestListenUnixServesPackageNet(t *testing.T) {
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
