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

// bindStale leaves a socket file that nobody serves.
func bindStale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}

// bindLive makes a socket file that is served until the test ends.
func bindLive(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
}

func TestTakeUnixReplacesOnlyWhatIsStale(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // what the error says; "" if the path must be free
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"stale socket", bindStale, ""},
		{"live socket", bindLive, "a live server has it"},
		{"file", func(t *testing.T, path string) { os.WriteFile(path, []byte("precious"), 0o600) }, "is no socket"},
		{"directory", func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, "is no socket"},
		{"link to a stale socket", func(t *testing.T, path string) {
			bindStale(t, path+".target")
			os.Symlink(path+".target", path)
		}, "is no socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			tt.make(t, path)
			place, err := TakeUnix(path)
			_, statErr := os.Lstat(path)
			if tt.want == "" {
				if err != nil || !os.IsNotExist(statErr) {
					t.Fatalf("got %v, and the file: %v; want it free", err, statErr)
				}
				place.Leave()
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

// TestOneOfManyStartsTakesTheStaleSocket lets many servers start at once on one
// stale socket: exactly one may have it.
func TestOneOfManyStartsTakesTheStaleSocket(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		bindStale(t, path)
		var wg sync.WaitGroup
		listeners := make(chan net.Listener, 8)
		for range cap(listeners) {
			wg.Go(func() {
				place, err := TakeUnix(path)
				if err != nil {
					return
				}
				defer place.Leave()
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

func TestBoundGivesMode0660(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	place, err := TakeUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Leave()
	if id, err := place.Bound(); err == nil {
		t.Errorf("before it is bound: got %v, want an error", id)
	}
	bindLive(t, path)
	id, err := place.Bound()
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

// TestPlaceRemovesTheFileOfAStartThatFailed: the file is a socket that nobody
// serves, or one whose mode cannot be changed, for which a dangling link stands.
func TestPlaceRemovesTheFileOfAStartThatFailed(t *testing.T) {
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
		fail func(p *UnixPlace)
		left bool
	}{
		{"listen failed", bindStale, func(p *UnixPlace) { p.Failed(listen) }, false},
		{"the poller of package net failed", bindStale, func(p *UnixPlace) { p.Failed(syscall.ENOSPC) }, false},
		{"bind failed", bindStale, func(p *UnixPlace) {
			p.Failed(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)})
		}, true},
		{"an option was refused before bind, and another server was there", live, func(p *UnixPlace) {
			p.Failed(os.NewSyscallError("setsockopt", syscall.ENOMEM))
		}, true},
		{"chmod failed", dangling, func(p *UnixPlace) {
			if _, err := p.Bound(); err == nil {
				t.Error("Bound: got nil, want that there is no file")
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			place, err := TakeUnix(path)
			if err != nil {
				t.Fatal(err)
			}
			defer place.Leave()
			tt.bind(t, path)
			tt.fail(place)
			if _, err := os.Lstat(path); (err == nil) != tt.left {
				t.Errorf("the file is left: %v, want %v", err == nil, tt.left)
			}
		})
	}
}

func TestUnlinkRemovesOnlyItsOwnFile(t *testing.T) {
	tests := []struct {
		name string
		then func(t *testing.T, s *Spec)
		want bool // whether the path is there afterwards
	}{
		{"ours", func(*testing.T, *Spec) {}, false},
		{"gone already", func(t *testing.T, s *Spec) { os.Remove(s.Path) }, false},
		{"replaced by another's", func(t *testing.T, s *Spec) {
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
				t.Errorf("after Unlink the file is there: %v, want %v", err == nil, tt.want)
			}
		})
	}
}

func TestLeaveUnlocksTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 {
		place, err := TakeUnix(path)
		if err != nil {
			t.Fatal(err)
		}
		if place.lock == nil {
			t.Fatal("the directory is locked by somebody else")
		}
		place.Leave()
		place.Leave()
	}
}
