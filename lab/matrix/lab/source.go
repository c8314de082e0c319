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

// Debian is a package that is installed, or unpacked below Workshop.Root.
type Debian struct {
	Package string
	Command string // what the package is needed for
}

func (d Debian) String() string { return "Debian's " + d.Package }

// Obtain looks for the command. It installs nothing.
func (d Debian) Obtain(ctx context.Context, w *Workshop) (string, error) {
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
	return "", fmt.Errorf("%s is there, but of no version that dpkg knows", d.Command)
}

// changelogVersion is the version of an unpacked package: the first line of its
// changelog reads "name (version) suite; …".
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

// building is how long it may take to get a module and to compile it. Some bring
// hundreds of others along.
const building = 20 * time.Minute

// GoModule is a module that is built for the occasion.
type GoModule struct {
	Path    string
	Version string            // pinned
	Rules   string            // replace and exclude of its go.mod, which count in a main module only
	Build   map[string]string // command → the package it is built from
	Main    string            // instead of Build: the text of a main package, for the one command
	Command string            // that Main is built to
}

func (m GoModule) String() string { return "the Go module " + m.Path }

// Obtain builds the commands in a module of their own, which requires nothing
// but this one at its version, for as long as building may take.
func (m GoModule) Obtain(ctx context.Context, w *Workshop) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, building)
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
			return "", &AbsentError{fmt.Sprintf("%s %s could not be built: %s", m.Path, m.Version, complaint(out, err))}
		}
	}
	return m.Version, nil
}

// complaint is the last line of a failed command's output that says something.
func complaint(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return err.Error()
}
