package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Workshop is where programs are got ready: a directory that vanishes with it,
// and a search path.
type Workshop struct {
	Dir   string   // everything that is written is written below it
	Bin   string   // what was built
	Flags []string // that check is given in every setup
	Root  string   // Debian packages unpacked by hand, as dpkg-deb -x does; "" for none
}

// Open makes a workshop. Root is as in Workshop; what stays empty is filled in.
func Open(root string) (*Workshop, error) {
	dir, err := os.MkdirTemp("", "echod-matrix-")
	if err != nil {
		return nil, err
	}
	return &Workshop{Dir: dir, Bin: filepath.Join(dir, "bin"), Root: root}, nil
}

// Build builds the echod of repo, the root of the checkout.
func (w *Workshop) Build(ctx context.Context, repo string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(w.Bin, "echod"), "./cmd/echod")
	build.Dir = repo
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build echod: %w\n%s", err, out)
	}
	return nil
}

// Use takes an echod that was built before.
func (w *Workshop) Use(program string) error {
	path, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.Bin, 0o755); err != nil {
		return err
	}
	return os.Symlink(path, filepath.Join(w.Bin, "echod"))
}

// Close removes everything.
func (w *Workshop) Close() { os.RemoveAll(w.Dir) }

// path is where commands are looked for. Daemons live in sbin, which is not on
// everybody's PATH.
func (w *Workshop) path() string {
	dirs := []string{w.Bin}
	if w.Root != "" {
		dirs = append(dirs, filepath.Join(w.Root, "usr/sbin"), filepath.Join(w.Root, "usr/bin"))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	return strings.Join(append(dirs, "/usr/sbin", "/sbin"), string(os.PathListSeparator))
}

// Look finds the absolute path of a command.
func (w *Workshop) Look(command string) (string, error) {
	for _, dir := range filepath.SplitList(w.path()) {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%s: %w", command, exec.ErrNotFound)
}
