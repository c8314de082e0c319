package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFoldersFollowLinks(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"plain", "secret/..v1", "releases/1", "live", "archive"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	links := [][2]string{
		{"secret/..data", "..v1"}, {"secret/cert.pem", "..data/cert.pem"},
		{"current", root + "/releases/1"},
		{"live/cert.pem", "../archive/cert1.pem"},
		{"loop", "loop"},
	}
	for _, link := range links {
		if err := os.Symlink(link[1], filepath.Join(root, link[0])); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, path string
		want       []string
	}{
		{"no link", "plain/cert.pem", []string{"plain"}},
		{"a file that is missing", "plain/none.pem", []string{"plain"}},
		{"a secret of Kubernetes", "secret/cert.pem", []string{"secret", "secret/..v1"}},
		{"a link to a folder", "current/cert.pem", []string{".", "releases/1"}},
		{"a link to a file elsewhere", "live/cert.pem", []string{"archive", "live"}},
		{"a link to itself", "loop/cert.pem", []string{".", "loop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, dir := range tt.want {
				want = append(want, filepath.Join(root, dir))
			}
			if got := folders(filepath.Join(root, tt.path)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestFoldersOmitThoseOfTheRoot: /proc is a folder of the root, and /proc/self a link in it.
func TestFoldersOmitThoseOfTheRoot(t *testing.T) {
	want, err := filepath.EvalSymlinks("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	if got := folders("/proc/self/cert.pem"); !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
}
