//go:build amd64 || arm64

package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// socketVariable is the variable with the path of a socket, whose folder the test binary allows
// to itself.
const socketVariable = "ECHOD_TEST_SOCKET"

// TestAMissingFolderOfASocketIsAnError: if it were ignored, the file of the socket could not be
// removed later.
func TestAMissingFolderOfASocketIsAnError(t *testing.T) {
	needSandbox(t)
	restrict := func(socket string) (output string, err error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), socketVariable+"="+socket)
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	dir := t.TempDir()
	if output, err := restrict(filepath.Join(dir, "s")); err != nil {
		t.Fatalf("the folder exists: %v: %s", err, output)
	}
	missing := filepath.Join(dir, "missing")
	if output, err := restrict(filepath.Join(missing, "s")); err == nil || !strings.Contains(output, missing) {
		t.Errorf("the folder %s: got %v and %q, want an error that names it", missing, err, output)
	}
}
