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

// files are the names in dir.
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

func TestOutputIsThereWholeAndUnderNoOtherName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	file, err := newOutputFile(path)
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

// TestOutputThatFailsLeavesWhatWasThere: the disk is full in the middle of it.
func TestOutputThatFailsLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	if err := os.WriteFile(path, []byte("yesterday's"), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := newOutputFile(path)
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
	file, err := newOutputFile(link)
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

func TestOutputIntoWhatIsNoFileIsAMistake(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                           "is a directory",
		os.DevNull:                    "is no file",
		filepath.Join(dir, "no", "x"): "no such file or directory",
	} {
		_, err := newOutputFile(path)
		if err == nil || !strings.Contains(err.Error(), want) || codeOf(err) != Usage {
			t.Errorf("%s: got %v, exit code %d, want %q, %d", path, err, codeOf(err), want, Usage)
		}
	}
}
