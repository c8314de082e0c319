package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func sentence(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// files returns the names in dir.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func TestOutputIsWrittenCompletelyAndLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	file, err := newOutputFile("--output", path)
	if err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != "" {
		t.Errorf("before anything was written: got %q, want no file", got)
	}
	if err := file.write(sentence("honest")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "honest" {
		t.Errorf("got %q, %v, want honest", got, err)
	}
	if got := files(t, dir); got != "report" {
		t.Errorf("got files %q, want report alone", got)
	}
}

// TestFailedOutputKeepsTheOldFile: the disk is full after some bytes.
func TestFailedOutputKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	if err := os.WriteFile(path, []byte("yesterday's"), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := newOutputFile("--output", path)
	if err != nil {
		t.Fatal(err)
	}
	err = file.write(func(w io.Writer) error {
		return errors.Join(sentence("hon")(w), syscall.ENOSPC)
	})
	if !errors.Is(err, syscall.ENOSPC) || codeOf(err) != Unknown {
		t.Errorf("got %v, exit code %d, want ENOSPC, %d", err, codeOf(err), Unknown)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "yesterday's" {
		t.Errorf("got %q, %v, want what was there before", got, err)
	}
	if got := files(t, dir); got != "report" {
		t.Errorf("got files %q, want report alone", got)
	}
}

func TestOutputKeepsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(real, nil, 0o644), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	file, err := newOutputFile("--output", link)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.write(sentence("honest")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(real); err != nil || string(got) != "honest" {
		t.Errorf("behind the link: got %q, %v, want honest", got, err)
	}
}

func TestOutputThatIsNotARegularFileIsAUsageError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                             "is a directory",
		os.DevNull:                      "is not a regular file",
		filepath.Join(dir, "no", "x"):   "create " + filepath.Join(dir, "no", "x") + ": no directory " + filepath.Join(dir, "no") + ": create it first",
		filepath.Join(dir, "file", "x"): "not a directory",
		filepath.Join(dir, strings.Repeat("x", 300)): "file name too long",
	} {
		_, err := newOutputFile("--output", path)
		if err == nil || !strings.Contains(err.Error(), want) || codeOf(err) != Usage {
			t.Errorf("%s: got %v, exit code %d, want %q, %d", path, err, codeOf(err), want, Usage)
		}
		if err != nil && strings.Contains(err.Error(), ".tmp") {
			t.Errorf("got %v, want no name but the one that was given", err)
		}
	}
}

// TestOutputErrorNamesTheRequestedFile and not the temporary one: the directory is removed
// before the report is written, and the name has the maximum length.
func TestOutputErrorNamesTheRequestedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, strings.Repeat("x", 255))
	file, err := newOutputFile("--output", path)
	if err != nil {
		t.Fatalf("a name of 255 bytes: %v", err)
	}
	err = file.write(func(io.Writer) error {
		return errors.Join(os.RemoveAll(dir), syscall.ENOSPC)
	})
	if err == nil || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), path) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("while writing: got %v, want %s and ENOSPC", err, path)
	}
	err = file.write(sentence("honest"))
	if want := "write " + path + ": no directory " + dir + ": create it first"; err == nil || err.Error() != want {
		t.Errorf("no directory: got %v, want %s", err, want)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err = file.write(func(io.Writer) error { return os.RemoveAll(dir) })
	if err == nil || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), path) {
		t.Errorf("before the file has its name: got %v, want %s", err, path)
	}
}

// TestOutputInADirectoryWithoutFilesSaysWhy: no file can be created in /proc.
func TestOutputInADirectoryWithoutFilesSaysWhy(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("there is no /proc here: ", err)
	}
	_, err := newOutputFile("--output", "/proc/report")
	if want := "--output: create /proc/report: no such file or directory"; err == nil || err.Error() != want || codeOf(err) != Usage {
		t.Errorf("got %v, exit code %d; want %s, %d", err, codeOf(err), want, Usage)
	}
}
