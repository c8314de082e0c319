//go:build unix

package sock

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// bindStale makes a socket file on which no process listens.
func bindStale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}

// bindLive makes a socket file and listens on it until the test ends.
func bindLive(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
}

func TestReserveUnixPathRemovesOnlyStaleSockets(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // part of the error; "" means no error
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"stale socket", bindStale, ""},
		{"live socket", bindLive, "another server listens there"},
		{"file", func(t *testing.T, path string) { os.WriteFile(path, []byte("precious"), 0o600) }, "is not a socket"},
		{"directory", func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, "is not a socket"},
		{"link to a stale socket", func(t *testing.T, path string) {
			bindStale(t, path+".target")
			os.Symlink(path+".target", path)
		}, "is not a socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			tt.make(t, path)
			reserved, err := reserveUnixPath(path)
			_, statErr := os.Lstat(path)
			if tt.want == "" {
				if err != nil || !os.IsNotExist(statErr) {
					t.Fatalf("got %v, and the file: %v; want it free", err, statErr)
				}
				reserved.unlock()
				return
			}
			if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want EADDRINUSE, %s", err, tt.want)
			}
			if statErr != nil {
				t.Errorf("the file is gone: %v", statErr)
			}
		})
	}
}

// TestOneOfManyServersGetsTheStaleSocketPath starts many servers at once on one
// stale socket.
func TestOneOfManyServersGetsTheStaleSocketPath(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		bindStale(t, path)
		var wg sync.WaitGroup
		listeners := make(chan net.Listener, 8)
		for range cap(listeners) {
			wg.Go(func() {
				reserved, err := reserveUnixPath(path)
				if err != nil {
					return
				}
				defer reserved.unlock()
				if ln, err := net.Listen("unix", path); err == nil {
					listeners <- ln
				}
			})
		}
		wg.Wait()
		close(listeners)
		var got int
		for ln := range listeners {
			got++
			t.Cleanup(func() { ln.Close() })
		}
		if got != 1 {
			t.Fatalf("%d servers listen on one path, want 1", got)
		}
	}
}

func TestBoundSetsMode0660(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	reserved, err := reserveUnixPath(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.unlock()
	if id, err := reserved.bound(); err == nil {
		t.Errorf("before it is bound: got %v, want an error", id)
	}
	bindLive(t, path)
	id, err := reserved.bound()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := fileID(path); id != want || id == (FileID{}) || err != nil {
		t.Errorf("got file %v, want %v, %v", id, want, err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got %v, %v; want mode 0660", info.Mode(), err)
	}
}

// TestFailedBindRemovesItsFile: the file is a stale socket,
// or one whose mode cannot be changed, which here is a dangling link.
func TestFailedBindRemovesItsFile(t *testing.T) {
	live := func(t *testing.T, path string) { bindLive(t, path) }
	dangling := func(t *testing.T, path string) {
		if err := os.Symlink(path+".gone", path); err != nil {
			t.Fatal(err)
		}
	}
	listen := &net.OpError{Op: "listen", Err: os.NewSyscallError("listen", syscall.EADDRINUSE)}
	tests := []struct {
		name string
		bind func(t *testing.T, path string)
		fail func(p *unixPath)
		left bool
	}{
		{"listen failed", bindStale, func(p *unixPath) { p.bindFailed(listen) }, false},
		{"the poller of package net failed", bindStale, func(p *unixPath) { p.bindFailed(syscall.ENOSPC) }, false},
		{"bind failed", bindStale, func(p *unixPath) {
			p.bindFailed(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)})
		}, true},
		{"setsockopt failed before bind, and another server listens", live, func(p *unixPath) {
			p.bindFailed(os.NewSyscallError("setsockopt", syscall.ENOMEM))
		}, true},
		{"chmod failed", dangling, func(p *unixPath) {
			if _, err := p.bound(); err == nil {
				t.Error("bound: got nil, want an error: there is no file")
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			reserved, err := reserveUnixPath(path)
			if err != nil {
				t.Fatal(err)
			}
			defer reserved.unlock()
			tt.bind(t, path)
			tt.fail(reserved)
			if _, err := os.Lstat(path); (err == nil) != tt.left {
				t.Errorf("the file exists: got %v, want %v", err == nil, tt.left)
			}
		})
	}
}

func TestUnlinkRemovesOnlyTheFileThatWasBound(t *testing.T) {
	tests := []struct {
		name string
		then func(t *testing.T, s *Spec)
		want bool // whether the file exists afterwards
	}{
		{"ours", func(*testing.T, *Spec) {}, false},
		{"gone already", func(t *testing.T, s *Spec) { os.Remove(s.Path) }, false},
		{"replaced by another file", func(t *testing.T, s *Spec) {
			bindStale(t, s.Path+".new")
			os.Rename(s.Path+".new", s.Path)
		}, true},
		{"inherited", func(t *testing.T, s *Spec) { s.File = FileID{} }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Spec{Network: "unix", Path: filepath.Join(t.TempDir(), "s")}
			bindStale(t, s.Path)
			var err error
			if s.File, err = fileID(s.Path); err != nil {
				t.Fatal(err)
			}
			tt.then(t, &s)
			if err := s.Unlink(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(s.Path); (err == nil) != tt.want {
				t.Errorf("after Unlink the file exists: got %v, want %v", err == nil, tt.want)
			}
		})
	}
}

func TestUnlockUnlocksTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 {
		reserved, err := reserveUnixPath(path)
		if err != nil {
			t.Fatal(err)
		}
		if reserved.lock == nil {
			t.Fatal("the directory is locked by another process")
		}
		reserved.unlock()
		reserved.unlock()
	}
}
