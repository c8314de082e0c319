package lab

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Debian is a package that is installed, or unpacked below Env.Root.
type Debian struct {
	Package string
	Command string // of the package
}

func (d Debian) String() string { return "Debian's " + d.Package }

// Obtain finds the command. It installs nothing.
func (d Debian) Obtain(ctx context.Context, w *Env) (string, error) {
	if _, err := w.Look(d.Command); err != nil {
		return "", &AbsentError{fmt.Sprintf("%s is not installed (package %s)", d.Command, d.Package)}
	}
	query := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", d.Package)
	if out, err := query.Output(); err == nil && len(out) > 0 {
		return string(out), nil
	}
	if w.Root != "" {
		return changelogVersion(filepath.Join(w.Root, "usr/share/doc", d.Package))
	}
	return "", fmt.Errorf("%s is installed, but dpkg does not know its version", d.Command)
}

// changelogVersion returns the version of an unpacked package. The first line of its
// changelog is "name (version) suite; …".
func changelogVersion(dir string) (string, error) {
	file, err := os.Open(filepath.Join(dir, "changelog.Debian.gz"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	head := make([]byte, 200)
	n, _ := text.Read(head)
	_, rest, _ := strings.Cut(string(head[:n]), "(")
	version, _, ok := strings.Cut(rest, ")")
	if !ok {
		return "", errors.New("no version in the changelog of " + filepath.Base(dir))
	}
	return version, nil
}

// buildTimeout is how long the download and the build of a module may take. Some modules
// have hundreds of dependencies.
const buildTimeout = 20 * time.Minute

// GoModule is a Go module that is built for the matrix.
type GoModule struct {
	Path    string
	Version string            // pinned
	Rules   string            // the replace and exclude directives of its go.mod, which only a main module uses
	Build   map[string]string // the package of each command
	Main    string            // instead of Build: the source of a main package
	Command string            // that is built from Main
}

func (m GoModule) String() string { return "the Go module " + m.Path }

// Obtain builds the commands in a temporary module that requires only this module.
func (m GoModule) Obtain(ctx context.Context, w *Env) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	dir, err := os.MkdirTemp(w.Dir, "build-")
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("module build\n\ngo 1.26.0\n\nrequire %s %s\n%s", m.Path, m.Version, m.Rules)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		return "", err
	}
	packages := m.Build
	if m.Main != "" {
		packages = map[string]string{m.Command: "."}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(m.Main), 0o644); err != nil {
			return "", err
		}
	}
	for command, name := range packages {
		build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", filepath.Join(w.Bin, command), name)
		build.Dir = dir
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", &AbsentError{fmt.Sprintf("%s %s could not be built: %s", m.Path, m.Version, lastLine(out, err))}
		}
	}
	return m.Version, nil
}

// lastLine returns the last line of the output of a failed command.
func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return err.Error()
}
