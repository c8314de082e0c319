package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes a repository with one commit, of 2026-11-29 08:00 UTC, and these tags.
func repository(t *testing.T, tags ...string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "first")
	for _, tag := range tags {
		git(t, dir, "tag", tag)
	}
	return dir
}

// TestSettingsOfGitChangeNothing: some of them change what its commands print.
func TestSettingsOfGitChangeNothing(t *testing.T) {
	t.Parallel()
	dir := repository(t, "v1.2.3")
	for _, setting := range [][]string{{"log.showSignature", "true"}, {"status.showUntrackedFiles", "no"}, {"tag.sort", "-refname"}, {"color.ui", "always"}, {"core.abbrev", "4"}} {
		git(t, dir, append([]string{"config"}, setting...)...)
	}
	if r, err := releaseOf(dir, false); err != nil || r.version.file != "1.2.3" || len(r.commit) != 12 {
		t.Errorf("got version %q of commit %q, %v", r.version.file, r.commit, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := releaseOf(dir, false); err == nil {
		t.Error("a new file is not noticed")
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	const who, date = "test", "1795939200 +0000"
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME="+who, "GIT_AUTHOR_EMAIL="+who, "GIT_COMMITTER_NAME="+who,
		"GIT_COMMITTER_EMAIL="+who, "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, said)
	}
}

func TestVersionIsThatOfTheTag(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		tags []string
		want version
	}{
		{"a release", []string{"v1.2.3"}, version{"v1.2.3", "1.2.3", "1.2.3", "1.2.3"}},
		{"a candidate", []string{"v1.2.3-rc.1"}, version{"v1.2.3-rc.1", "1.2.3-rc.1", "1.2.3~rc.1", "1.2.3_rc1"}},
		{"a candidate that became the release", []string{"v1.2.3", "v1.2.3-rc.10", "v1.2.3-rc.9"}, version{"v1.2.3", "1.2.3", "1.2.3", "1.2.3"}},
		{"the newer candidate", []string{"v1.2.3-rc.10", "v1.2.3-rc.9"}, version{"v1.2.3-rc.10", "1.2.3-rc.10", "1.2.3~rc.10", "1.2.3_rc10"}},
		{"tags of other things", []string{"vendor", "nightly", "v"}, version{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := releaseOf(repository(t, test.tags...), false)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == (version{}) {
				stamp := "git20261129080000"
				want = version{"(devel)", "0.0.0-" + stamp + "." + r.commit, "0.0.0~" + stamp + "." + r.commit, "0.0.0_" + stamp}
			}
			if r.version != want {
				t.Errorf("got %+v, want %+v", r.version, want)
			}
		})
	}
}

// TestVersionsOfAChangedTreeAreNoReleases: a tag is not that of what is built.
func TestVersionsOfAChangedTreeAreNoReleases(t *testing.T) {
	t.Parallel()
	dir := repository(t, "v1.2.3")
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := releaseOf(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.version.said != "(devel)" || !strings.HasSuffix(r.commit, "+changes") || !strings.HasSuffix(r.version.deb, ".changes") {
		t.Errorf("got %+v of commit %s", r.version, r.commit)
	}
}

func TestWhatCannotBeReleasedIsOneClearLine(t *testing.T) {
	for _, test := range []struct {
		name string
		root func(t *testing.T) string
		want string
	}{
		{"no repository", func(t *testing.T) string { return t.TempDir() }, "come from git: git status: fatal: not a git repository"},
		{"no commit", func(t *testing.T) string {
			dir := t.TempDir()
			git(t, dir, "init", "-q")
			return dir
		}, "does not have any commits"},
		{"changes", func(t *testing.T) string {
			dir := repository(t)
			if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, `not committed, e.g. "?? new": commit them, or use -dirty`},
		{"a tag that is no version", func(t *testing.T) string { return repository(t, "v1.2") }, "the tag v1.2 is no version: want e.g. v1.2.3"},
		{"a version that apk does not know", func(t *testing.T) string { return repository(t, "v1.2.3-hot.1") }, "v1.2.3-hot.1 is no version"},
		{"leading zeros", func(t *testing.T) string { return repository(t, "v01.2.3") }, "v01.2.3 is no version"},
		{"a shallow clone", func(t *testing.T) string {
			from := repository(t)
			git(t, from, "commit", "-q", "--allow-empty", "-m", "second")
			dir := t.TempDir()
			git(t, dir, "clone", "-q", "--depth", "1", "file://"+from, "clone")
			return filepath.Join(dir, "clone")
		}, "git fetch --unshallow --tags"},
		{"a licence without a name", func(t *testing.T) string {
			dir := repository(t)
			commitLicence(t, dir, "You may do as you like.\n")
			return dir
		}, "LICENSE does not say which licence it is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := releaseOf(test.root(t), false)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, test.want)
			}
		})
	}
	t.Run("no git", func(t *testing.T) {
		dir := repository(t)
		t.Setenv("PATH", t.TempDir())
		if _, err := releaseOf(dir, false); err == nil || !strings.Contains(err.Error(), `"git": executable file not found`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no address of a maintainer", func(t *testing.T) {
		t.Setenv("MAINTAINER", "somebody")
		if _, err := releaseOf(repository(t), false); err == nil || !strings.Contains(err.Error(), `MAINTAINER="somebody": want a name and an address`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no modules", func(t *testing.T) {
		t.Setenv("GOPROXY", "off")
		t.Setenv("GOMODCACHE", t.TempDir())
		err := release{root: "../.."}.download()
		if err == nil || !strings.Contains(err.Error(), "cannot be downloaded") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line", err)
		}
	})
}

func commitLicence(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "licence")
}

// TestPackagesSayWhichLicenceIsGranted, or that none is.
func TestPackagesSayWhichLicenceIsGranted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, field, says string }{
		{"none", "", "LicenseRef-none-granted", "echod: no licence granted."},
		{"one", "SPDX-License-Identifier: MIT\n\nPermission is hereby granted\n", "MIT", "echod\n\nSPDX-License-Identifier: MIT\n\nPermission"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := repository(t)
			if test.text != "" {
				commitLicence(t, dir, test.text)
			}
			r, err := releaseOf(dir, false)
			if err != nil {
				t.Fatal(err)
			}
			if r.licence != test.field {
				t.Errorf("the field is %q, want %q", r.licence, test.field)
			}
			own, err := r.ownLicence()
			if err != nil || !bytes.HasPrefix(own, []byte(test.says)) {
				t.Errorf("copyright begins with %q, %v; want %q", own, err, test.says)
			}
		})
	}
}

// TestDebianPackagesReferToTheLicencesOfDebian: each module of echod whose licence is Apache's
// has it in a slightly different form.
func TestDebianPackagesReferToTheLicencesOfDebian(t *testing.T) {
	t.Parallel()
	r := release{root: "../.."}
	text, err := r.copyright()
	if err != nil {
		t.Fatal(err)
	}
	const terms = "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"
	if !bytes.Contains(text, []byte(terms)) {
		t.Fatal("no module has Apache's licence: this test checks nothing")
	}
	short := debianCopyright(text)
	if bytes.Contains(short, []byte(terms)) || !bytes.Contains(short, []byte("/usr/share/common-licenses/Apache-2.0")) {
		t.Error("the text of Apache's licence is in the copyright of Debian's package")
	}
	for _, kept := range []string{"github.com/spf13/pflag", "google.golang.org/protobuf", "Go go1."} {
		if !bytes.Contains(short, []byte("\n"+kept)) {
			t.Errorf("%s is missing", kept)
		}
	}
}

func TestAFolderWithForeignFilesIsNotEmptied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("echod.deb", "")
	put(sumsFile, "00  echod.deb\n00  gone.deb\n")
	if names, err := written(dir); err != nil || strings.Join(names, " ") != sumsFile+" echod.deb" {
		t.Errorf("got %q, %v", names, err)
	}
	put("thesis.txt", "")
	if _, err := written(dir); err == nil || !strings.Contains(err.Error(), "has thesis.txt, which dist did not write") {
		t.Errorf("got %v", err)
	}
	if names, err := written(filepath.Join(dir, "missing")); err != nil || len(names) != 0 {
		t.Errorf("a folder that does not exist: got %q, %v", names, err)
	}
	if _, err := written(filepath.Join(dir, "thesis.txt")); err == nil {
		t.Error("a file is accepted as a folder")
	}
}

func TestABillWithoutALicenceIsRefused(t *testing.T) {
	t.Parallel()
	const with, without = `{"name":"std"},{"name":"a","evidence":{"licenses":[{}]}}`, `{"name":"b"}`
	if err := licensed([]byte(`{"components":[` + with + `]}`)); err != nil {
		t.Error(err)
	}
	if err := licensed([]byte(`{"components":[` + with + `,` + without + `]}`)); err == nil || !strings.HasSuffix(err.Error(), "no licence for b") {
		t.Errorf("got %v", err)
	}
}
