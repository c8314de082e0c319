package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// release is what is made: a commit of echod, and what its packages say about it.
type release struct {
	root    string // the root of the repository
	version version
	commit  string    // twelve digits, and "+changes" if the tree has others
	time    time.Time // of the commit: the time of every file

	maintainer string // who is responsible for the packages
	licence    string // its SPDX name, or that none is granted
}

// releaseOf reads the release from the repository in root. It accepts a tree with changes
// that are not committed only if dirty is set: then it has no version.
func releaseOf(root string, dirty bool) (release, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return release{}, err
	}
	r := release{root: root}
	changes, err := r.git("status", "--porcelain", "--untracked-files=normal")
	if err != nil {
		return release{}, fmt.Errorf("the version and the time come from git: %w", err)
	}
	if changes != "" && !dirty {
		changed, _, _ := strings.Cut(changes, "\n")
		return release{}, fmt.Errorf("the tree has changes that are not committed, e.g. %q: commit them, or use -dirty", changed)
	}
	head, err := r.git("log", "-1", "--no-show-signature", "--format=%H %ct")
	if err != nil {
		return release{}, err
	}
	commit, seconds, _ := strings.Cut(head, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return release{}, fmt.Errorf("git log printed the time %q", seconds)
	}
	r.commit, r.time = commit[:12], time.Unix(at, 0).UTC()
	if changes != "" {
		r.commit += "+changes"
	} else if err := r.readTags(); err != nil {
		return release{}, err
	}
	if r.version == (version{}) {
		r.version = untagged(r.time, r.commit)
	}
	r.maintainer = cmp.Or(os.Getenv("MAINTAINER"), nobody)
	if _, err := mail.ParseAddress(r.maintainer); err != nil {
		return release{}, fmt.Errorf("MAINTAINER=%q: want a name and an address, e.g. %q", r.maintainer, nobody)
	}
	r.licence, err = licence(filepath.Join(root, "LICENSE"))
	return r, err
}

// nobody is the maintainer of packages that nobody answers for: the domain .invalid has no
// addresses (RFC 2606). Who publishes packages sets MAINTAINER.
const nobody = "whoever built this package <nobody@echod.invalid>"

// readTags sets the version if the commit has a tag.
func (r *release) readTags() error {
	tags, err := r.git("tag", "--points-at", "HEAD")
	if err != nil {
		return err
	}
	if r.version, err = versionOf(strings.Fields(tags)); err != nil || r.version != (version{}) {
		return err
	}
	shallow, err := r.git("rev-parse", "--is-shallow-repository")
	if shallow == "true" {
		return errors.New("the clone is shallow, so it may lack the tag of this commit: git fetch --unshallow --tags")
	}
	return err
}

func (r release) git(args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", r.root}, args...)...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		first, _, _ := strings.Cut(string(failed.Stderr), "\n")
		err = fmt.Errorf("git %s: %s", args[0], first)
	}
	return strings.TrimSpace(string(out)), err
}

// licence returns the SPDX name of the licence in a file, which must say it: to recognize a
// licence by its text would be a guess.
func licence(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "LicenseRef-none-granted", nil
	}
	if err != nil {
		return "", err
	}
	name := spdx.FindSubmatch(text)
	if name == nil {
		return "", errors.New("LICENSE does not say which licence it is: add a line with its SPDX name, e.g. SPDX-License-Identifier: MIT")
	}
	return string(name[1]), nil
}

var spdx = regexp.MustCompile(`(?m)^SPDX-License-Identifier: (\S.*?)\s*$`)

// platform is an operating system and an architecture.
type platform struct{ os, arch string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"freebsd", "amd64"}, {"freebsd", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// host is the platform of this machine.
func host() platform { return platform{runtime.GOOS, runtime.GOARCH} }

func (p platform) String() string { return p.os + "-" + p.arch }

func (p platform) executable() string {
	if p.os == "windows" {
		return "echod.exe"
	}
	return "echod"
}

// command is a command that runs in the root of the repository, in the environment in which
// Go compiles for the platform. No setting of this machine changes what is compiled.
func (r release) command(p platform, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOFLAGS=-mod=readonly",
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off")
	return cmd
}

// output runs a command and returns what it prints. What it says of an error is in the error.
func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(cmd.Path), cmd.Args[1], err, strings.TrimSpace(string(failed.Stderr)))
	}
	return out, err
}

// build compiles a static binary, in a folder for temporary files, and returns it.
func (r release) build(p platform, stage string) ([]byte, error) {
	binary := filepath.Join(stage, p.executable())
	const variable = " -X echod/internal/cli."
	_, err := output(r.command(p, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid="+variable+"version="+r.version.said+variable+"commit="+r.commit, "-o", binary, "./cmd/echod"))
	if err != nil {
		return nil, err
	}
	return os.ReadFile(binary)
}
