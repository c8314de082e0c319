//go:build unix

package textfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOnlyARegularFileIsRead: a pipe would block its reader, and what it had is gone when it is
// read again.
func TestOnlyARegularFileIsRead(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"list": "a\n", "long": strings.Repeat("x", 101), "longest": strings.Repeat("x", 100), "empty": ""} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(in("pipe"), 0o600), syscall.Mkfifo(in("silent"), 0o600), os.Symlink(in("list"), in("link"))); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(in("silent"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	const other = "NAME is a pipe or a device: want a regular file, because it is read again when it changes"
	tests := []struct {
		name, text, wrong string
		is                error
	}{
		{in("list"), "a\n", "", nil},
		{in("link"), "a\n", "", nil},
		{in("empty"), "", "", nil},
		{in("longest"), strings.Repeat("x", 100), "", nil},
		{in("long"), "", "NAME is too long: want at most 100 bytes", nil},
		{in("none"), "", "open NAME: no such file or directory", fs.ErrNotExist},
		{dir, "", "read NAME: is a directory", syscall.EISDIR},
		{in("pipe"), "", other, nil},
		{in("silent"), "", other, nil},
		{os.DevNull, "", other, nil},
	}
	for _, tt := range tests {
		got, wrong := Read(tt.name, 100), ""
		err := got.Err()
		if err != nil {
			wrong = strings.ReplaceAll(err.Error(), tt.name, "NAME")
		}
		if got.Err() == nil && got.Text != tt.text || wrong != tt.wrong || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %q and %s, want %q and %s", tt.name, got.Text, wrong, tt.text, tt.wrong)
		}
		if got != Read(tt.name, 100) {
			t.Errorf("%s: two reads of the same differ", tt.name)
		}
	}
}
