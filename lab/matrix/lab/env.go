// Package lab runs echod check through other programs, and returns its reports. Each program
// has its own directory and its own ports on 127.0.0.1. Everything that it starts is stopped
// afterwards.
package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Env is a temporary directory, and the search path of the programs.
type Env struct {
	Dir   string   // all files are below it
	Bin   string   // of the programs that were built
	Flags []string // of check in every setup
	Root  string   // where Debian packages are unpacked with dpkg-deb -x; "" for none
}

// Open returns an Env in a new directory.
func Open(root string) (*Env, error) {
	dir, err := os.MkdirTemp("", "echod-matrix-")
	if err != nil {
		return nil, err
	}
	return &Env{Dir: dir, Bin: filepath.Join(dir, "bin"), Root: root}, nil
}

// Build builds echod. repo is the root of the repository.
func (w *Env) Build(ctx context.Context, repo string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(w.Bin, "echod"), "./cmd/echod")
	build.Dir = repo
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build echod: %w\n%s", err, out)
	}
	return nil
}

// Use uses an existing binary of echod.
func (w *Env) Use(program string) error {
	path, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.Bin, 0o755); err != nil {
		return err
	}
	return os.Symlink(path, filepath.Join(w.Bin, "echod"))
}

// Close removes the directory.
func (w *Env) Close() { os.RemoveAll(w.Dir) }

// path returns the search path. It includes the sbin directories, which PATH often does not
// have.
func (w *Env) path() string {
	dirs := []string{w.Bin}
	if w.Root != "" {
		dirs = append(dirs, filepath.Join(w.Root, "usr/sbin"), filepath.Join(w.Root, "usr/bin"))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	return strings.Join(append(dirs, "/usr/sbin", "/sbin"), string(os.PathListSeparator))
}

// Look returns the absolute path of a command.
func (w *Env) Look(command string) (string, error) {
	for _, dir := range filepath.SplitList(w.path()) {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%s: %w", command, exec.ErrNotFound)
}
