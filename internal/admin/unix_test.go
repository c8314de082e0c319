//go:build unix

package admin

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"echod/internal/sock"
)

// socketPath returns an unused path that is short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "admin.sock")
}

func TestAdminOnAUnixSocket(t *testing.T) {
	path := socketPath(t)
	s := serve(t, Config{Addr: "unix://" + path}, Handlers{}, nil)
	if got, want := s.URL(), "unix://"+path; got != want {
		t.Errorf("URL: got %s, want %s", got, want)
	}
	status, body, _ := ask(t, s, "GET /healthz HTTP/1.1", "Host: whatever.example", "Connection: close")
	if status != 200 || body != "ok\n" {
		t.Errorf("got %d %q, want 200 ok", status, body)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != sock.UnixMode {
		t.Errorf("mode: got %o, want %o", got, sock.UnixMode)
	}
	if _, err := Listen(Config{Addr: "unix://" + path}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server at the same path: got %v, want EADDRINUSE", err)
	}
	if _, err := Listen(Config{Addr: "unix://" + path + "?engine=net"}); err == nil {
		t.Error("with an engine: got nil, want an error")
	}
}

func TestStaleSocketIsReplacedAndOwnSocketIsRemoved(t *testing.T) {
	path := socketPath(t)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	s, err := Listen(Config{Addr: "unix://" + path})
	if err != nil {
		t.Fatalf("over a stale file: %v", err)
	}
	s.Shutdown(t.Context())
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Shutdown: got %v, want no file", err)
	}
}

func TestFileOfAnotherProcessIsNotRemoved(t *testing.T) {
	path := socketPath(t)
	s, err := Listen(Config{Addr: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("somebody else's"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Shutdown(t.Context())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("after Shutdown: %v, want the other file still there", err)
	}
}
